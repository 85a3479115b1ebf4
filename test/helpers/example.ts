// Brings an example of examples/ up as it stands, with a second file on top that turns its hosts and ports
// into ones that exist here: what a user would do with tunnels.override.yaml.

import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type CliProject, hostYaml, project } from './cli.ts'
import type { Sshd } from './sshd.ts'

export const EXAMPLES = fileURLToPath(new URL('../../examples/', import.meta.url))

export interface ExampleOptions {
  sshd: Sshd
  /** Which of its hosts the server plays; default `acme`. */
  host?: string
  /** Merged over its forwards, by key. */
  forwards?: Record<string, Record<string, unknown>>
}

/** Not started yet. Its commands need no `-f`. */
export function example(name: string, { sshd, host = 'acme', forwards = {} }: ExampleOptions): CliProject {
  const override = `{ "hosts": { "${host}": ${hostYaml(sshd)} }, "forwards": ${JSON.stringify(forwards)} }`
  const files = { [name]: readFileSync(`${EXAMPLES}${name}`, 'utf8'), 'here.yaml': override }
  return project(files, { TUNNELS_FILE: `${name}:here.yaml` })
}
