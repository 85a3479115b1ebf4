// The binary on a terminal of its own, by script(1) of util-linux: keys go in, what the terminal is sent comes out,
// and its size can be changed under it.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { atEnd } from './cleanup.ts'
import { type CliProject, MAIN } from './cli.ts'
import { eventually } from './eventually.ts'

export interface OnTerminal {
  /** All that it was sent. */
  output(): string
  type(keys: string): void
  resize(rows: number, columns: number): void
  readonly ended: Promise<number | null>
}

/** script(1) of BSD and macOS takes other options. */
export const hasTerminals = process.platform === 'linux' && existsSync('/usr/bin/script')

/** Resolves when it runs on a terminal of this size. Ended after the test. */
export async function onTerminal(
  cli: CliProject,
  args: string[],
  { rows = 24, columns = 100 } = {},
): Promise<OnTerminal> {
  const name = join(cli.folder, `.tty-${Math.random().toString(36).slice(2)}`)
  const words = [process.execPath, MAIN, ...args].map((word) => `'${word}'`).join(' ')
  const command = `stty rows ${rows} cols ${columns}; tty > ${name}; exec ${words}`
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    cwd: cli.folder,
    env: { PATH: process.env.PATH, TERM: 'xterm-256color', LANG: 'C.UTF-8', ...cli.env },
  })
  let output = ''
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    output += chunk
  })
  child.stdin.on('error', () => {})
  atEnd(() => void child.kill('SIGKILL'))
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve))
  // It is there before the shell has written to it.
  const tty = await eventually(() => (existsSync(name) && readFileSync(name, 'utf8').trim()) || null)
  return {
    output: () => output,
    type: (keys) => void child.stdin.write(keys),
    resize: (toRows, toColumns) =>
      void execFileSync('stty', ['-F', tty, 'rows', String(toRows), 'cols', String(toColumns)]),
    ended,
  }
}
