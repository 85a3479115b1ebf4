// What a verb is to the command line: its words, its options, and what runs it. Its code is loaded only when it is the one
// that was asked for.

import type { Command } from 'commander'
import type { Invocation } from './invocation.ts'

/** `own`: its options. `command`: what stands behind `--`; null where there is none. */
export type Run = (
  invocation: Invocation,
  names: string[],
  own: Record<string, unknown>,
  command: string[] | null,
) => Promise<number>
export type Add = (usage: string, description: string, run: Run, more: More) => Command

interface More {
  /** Whole command lines, at the end of its help; a test parses each. */
  examples: string[]
  hidden?: boolean
  followsByF?: boolean
  /** A command of somebody else follows behind `--`, whose exit codes are not ours. */
  runsCommand?: boolean
}
