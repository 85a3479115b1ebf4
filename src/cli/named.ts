// What the names after a verb mean in a running project: forwards, or hosts with all that they carry.

import { suggest } from '../config/suggest.ts'
import { ProblemError } from '../model/problem.ts'
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
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new ProblemError(unknown.map((name) => unknownName(name, known)))
}

function unknownName(name: string, known: string[]) {
  const meant = suggest(name, known)
  return {
    code: 'USAGE' as const,
    summary: `No forward or host named ${name} is running`,
    ...(meant && { hint: `Did you mean ${meant}?` }),
  }
}
