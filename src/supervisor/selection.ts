// How a selection grows and shrinks: what `up` and `down NAME` bring, put onto what is held. Pure.

import type { Selection } from '../control/protocol.ts'

/** `up` replaces files, profiles and environment and adds its names; without a name everything is selected again. */
export function addSelection(held: Selection, brought: Selection): Selection {
  if (brought.names === null) return { ...brought, stopped: [] }
  const names = held.names === null ? null : [...new Set([...held.names, ...brought.names])]
  return { ...brought, names, stopped: held.stopped.filter((name) => !brought.names?.includes(name)) }
}

/** `down NAME` takes forwards out until an `up` selects them again. */
export function stopForwards(held: Selection, forwards: Iterable<string>): Selection {
  return { ...held, stopped: [...new Set([...held.stopped, ...forwards])] }
}
