// The command of `tunnels run`: it has our terminal, our standard streams and our environment, gets the signals that we
// get, and its end is ours.

import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import type { Variables } from '../model/variables.ts'
import { makePrintable } from '../view/printable.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'

/** Those that a terminal sends to all of its foreground, us and the command alike. */
const OF_KEYS = ['SIGINT', 'SIGQUIT'] as const
const PASSED_ON = [...OF_KEYS, 'SIGTERM', 'SIGHUP', 'SIGUSR1', 'SIGUSR2'] as const

/** Resolves with its exit code, 128 and the number of the signal that ended it, or 126 or 127 where it could not be run. */
export async function runCommand(
  { env, terminal }: Invocation,
  [program, ...words]: [string, ...string[]],
  variables: Variables,
): Promise<number> {
  let child: ChildProcess | null = null
  const pass = (signal: NodeJS.Signals) => {
    if (!(OF_KEYS as readonly string[]).includes(signal) || !isForeground()) child?.kill(signal)
  }
  // Before it begins: what comes in between would end us, and leave it alone.
  for (const signal of PASSED_ON) process.on(signal, pass)
  try {
    child = spawn(program, words, { stdio: 'inherit', env: { ...env, ...variables } })
    return await endOf(child)
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    terminal.complain(`tunnels: ${makePrintable(program)}: ${reasons[code] ?? code}`)
    return reasons[code] === NOT_FOUND ? EXIT.notFound : EXIT.notExecutable
  } finally {
    for (const signal of PASSED_ON) process.off(signal, pass)
  }
}

const NOT_FOUND = 'command not found'

const reasons: Readonly<Record<string, string>> = {
  ENOENT: NOT_FOUND,
  // Node's word for a command that is empty.
  ERR_INVALID_ARG_VALUE: NOT_FOUND,
  EACCES: 'permission denied',
  E2BIG: 'too many arguments',
}

function endOf(child: ChildProcess): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => resolve(code ?? 128 + constants.signals[signal!]))
  })
}

/**
 * A key that is pressed reaches the whole foreground of the terminal: the command has had that signal already, and many
 * programs take a second one for impatience. Linux tells who is in the foreground (proc(5): pgrp and tpgid of stat).
 */
function isForeground(): boolean {
  try {
    const stat = readFileSync('/proc/self/stat', 'utf8')
    const [, , group, , , foreground] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return group === foreground
  } catch {
    return Boolean(process.stdin.isTTY || process.stderr.isTTY)
  }
}
