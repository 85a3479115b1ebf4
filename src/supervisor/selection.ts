// How a selection grows and shrinks: what `up` and `down NAME` bring, put onto what is held. Pure.

import type { Selection } from '../control/protocol.ts'
import type { Project } from '../model/project.ts'
import type { Selecting } from '../resolve/select.ts'

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

/** `trusted`: hashes of what somebody has just agreed to. */
export function withTrust(selection: Selection, trusted: readonly string[] = []): Selection {
  return trusted.length === 0 ? selection : { ...selection, trusted: union(selection.trusted ?? [], trusted) }
}

export function union(held: readonly string[], more: Iterable<string>): string[] {
  return [...new Set([...held, ...more])]
}
