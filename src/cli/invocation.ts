// What every verb is given: the options before it, the environment, and a way to speak. Says nothing about what
// any verb does.

import type { Terminal } from './terminal.ts'

export interface Invocation {
  options: GlobalOptions
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  version: string
  /** Path of the file that Node runs, for a process of our own in the background. */
  mainPath: string
  terminal: Terminal
}

export interface GlobalOptions {
  /** `-f`, as given; empty: the file is looked for. */
  files: string[]
  projectName: string | null
  profiles: string[]
  envFile: string | null
  json: boolean
  quiet: boolean
  verbose: boolean
}
