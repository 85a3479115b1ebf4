// What the names after a verb mean in a running project: forwards, or hosts with all that they carry.

import { suggest } from '../config/suggest.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Status } from '../model/status.ts'

/** Only the forwards named, by themselves or by their host, and the hosts that carry them. */
export function narrow(status: Status, names: readonly string[]): Status {
  if (names.length === 0) return status
  const forwards = status.forwards.filter(({ name, via }) => names.includes(name) || names.includes(via))
  const hosts = status.hosts.filter(
    ({ name }) => names.includes(name) || forwards.some(({ via }) => via === name),
  )
  return { ...status, hosts, forwards }
}

/** Throws a ProblemError (USAGE) that names each. */
export function refuseUnknownNames({ forwards, hosts }: Status, names: readonly string[]): void {
  const known = [...forwards, ...hosts].map(({ name }) => name)
  refuseUnknown(names, known, (name) => `No forward or host named ${name} is running`)
}

/** Throws a ProblemError (USAGE) that names each that is not among the known. */
export function refuseUnknown(
  names: readonly string[],
  known: readonly string[],
  word = (name: string) => `There is no forward or host named ${name}`,
): void {
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new ProblemError(unknown.map((name) => unknownName(name, known, word(name))))
}

function unknownName(name: string, known: readonly string[], summary: string): Problem {
  const meant = suggest(name, known)
  return { code: 'USAGE', summary, ...(meant && { hint: `Did you mean ${meant}?` }) }
}
