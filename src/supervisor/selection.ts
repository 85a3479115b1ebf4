// How a selection grows and shrinks: what `up` and `down NAME` bring, put onto what is held. Pure.

import type { Selection } from '../control/protocol.ts'
import { ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import { type Selecting, selectForwards } from '../resolve/select.ts'

/** With what each `tunnels run` selects for itself, and the variables that count for hosts which it alone needs. */
export interface HeldSelection extends Selection {
  leases?: readonly (Omit<Selecting, 'leases'> & { ofOwnHosts?: Readonly<Record<string, string>> })[]
}

/**
 * `up` replaces files, profiles and environment and adds its names; without a name everything is selected again.
 * `forwards` are those that run: a host's name among the names stands for the forwards via it.
 */
export function addSelection(
  held: Selection,
  brought: Selection,
  forwards: Project['forwards'] | undefined,
): Selection {
  const { names } = brought
  const trust = withTrust(brought, held.trusted)
  if (names === null) return { ...trust, stopped: [] }
  const isNamed = (name: string) => names.includes(name) || names.includes(forwards?.get(name)?.via ?? name)
  return {
    ...trust,
    ...(held.names === null
      ? { names: null, also: union(held.also ?? [], names) }
      : { names: union(held.names, names) }),
    stopped: held.stopped.filter((name) => !isNamed(name)),
  }
}

/** `down NAME` takes forwards out until an `up` selects them again. */
export function stopForwards(held: Selection, forwards: Iterable<string>): Selection {
  return { ...held, stopped: union(held.stopped, forwards) }
}

/**
 * What `down`, `restart` and a probe mean by names of forwards, or of hosts for those via them. Throws a ProblemError,
 * USAGE, for any other name.
 */
export function namedForwards(project: Project, held: Selection, names: readonly string[]): Set<string> {
  const { selected, unknown } = selectForwards(project, { ...held, names, stopped: [] })
  if (unknown.length === 0) return selected
  throw new ProblemError(
    unknown.map((name) => ({ code: 'USAGE', summary: `There is no forward or host named ${name}` })),
  )
}

/** `trusted`: hashes of what somebody has just agreed to. */
export function withTrust(selection: Selection, trusted: readonly string[] = []): Selection {
  return trusted.length === 0 ? selection : { ...selection, trusted: union(selection.trusted ?? [], trusted) }
}

export function union(held: readonly string[], more: Iterable<string>): string[] {
  return [...new Set([...held, ...more])]
}
