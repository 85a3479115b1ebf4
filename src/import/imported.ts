// What is to come into a tunnels.yaml, before it has names there: one destination, what is said of it, and the forwards
// through it. Texts are as the file has them: a dollar is two, so that nothing can become a variable.

import type { Destination } from '../config/destination.ts'
import { type ForwardLetter, parseForwarding } from '../config/short-forwarding.ts'
import type { Plain, PlainMap } from '../config/tree.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import { withPortNumber } from './services.ts'

export interface Imported {
  destination: Destination
  /** Keys of a host, `user` and `port` not among them. */
  host: PlainMap
  forwards: ImportedForward[]
  /** What has no counterpart, a sentence each. */
  warnings: string[]
}

export interface ImportedForward {
  letter: ForwardLetter
  /** What stands behind -L, -R or -D. */
  argument: string
  /** The same, taken apart. */
  listen: string
  to: string | null
  /** Keys of the forward besides. */
  more: PlainMap
  /** What ssh would fill in, and tunnels does not. */
  token?: string
}

/** `argument`: as ssh takes it. `isOpen`: a bare port of this machine is open to others. Throws a ProblemError (USAGE). */
export function readForward(letter: ForwardLetter, argument: string, isOpen: boolean): ImportedForward {
  // ssh takes a name in brackets, too; the file has them for IPv6.
  const written = (escapeDollars(argument) as string)
    .replaceAll(/\[([^:\]]*)\](?=:)/g, '$1')
    .replaceAll('%%', '%')
  const text = withNumbers(letter, written)
  const forwarding = parseForwarding(letter, { text, offset: 0 })
  if (!forwarding.ok) throw refusedImport(`-${letter} ${argument} ${forwarding.complaint}`)
  const { listen, to } = forwarding.value
  const open = isOpen && letter !== 'R' && !/[:/]/.test(listen.text) ? '*:' : ''
  // What ssh_config(5) has under TOKENS and ENVIRONMENT VARIABLES is for paths.
  const [token] = /%[^%]|\$\{[^}]*\}/.exec(argument.includes('/') ? argument.replaceAll('%%', '') : '') ?? []
  return {
    letter,
    argument: open + text,
    listen: open + listen.text,
    to: to?.text ?? null,
    more: {},
    ...(token !== undefined && { token }),
  }
}

/** Where a port is the name of a service; a backslash in a path keeps a colon, and then all of it. */
function withNumbers(letter: ForwardLetter, text: string): string {
  const read = parseForwarding(letter, { text, offset: 0 })
  if (!read.ok || text.includes('\\')) return text
  const { listen, to } = read.value
  const isWritten = to !== undefined && to.offset !== listen.offset
  return [listen, ...(isWritten ? [to] : [])].map((part) => withPortNumber(part.text)).join(':')
}

export function escapeDollars(value: Plain): Plain {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  return Array.isArray(value) ? value.map(escapeDollars) : value
}

export function refusedImport(summary: string, hint?: string): ProblemError {
  const problem: Problem = { code: 'USAGE', summary, ...(hint !== undefined && { hint }) }
  return new ProblemError(problem)
}
