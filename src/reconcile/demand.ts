// Who wants a host right now, beside those whose connections go through it: whoever waits for it, and what cannot be
// without it, such as a listener over there. What follows from that is host-slot.ts's.

import { once } from '../forward/once.ts'
import type { WantedHost } from '../model/wanted.ts'

export class Demand {
  #count = 0
  readonly #onChange: () => void

  /** `onChange`: called with the first who comes, and with the last who goes. */
  constructor(onChange: () => void) {
    this.#onChange = onChange
  }

  get isThere(): boolean {
    return this.#count > 0
  }

  /** Until the returned function is called (more than once is harmless). */
  take(): () => void {
    this.#change(1)
    return once(() => this.#change(-1))
  }

  #change(by: 1 | -1): void {
    const before = this.isThere
    this.#count += by
    if (before !== this.isThere) this.#onChange()
  }
}

/**
 * For how long a connection of an on-demand host may still be unused, `unusedSinceMs` by the clock of `nowMs`; null: it
 * stays, because it is used (null), or the host is no such host.
 */
export function leftUnusedMs(
  { connect, disconnectAfterMs }: WantedHost,
  unusedSinceMs: number | null,
  nowMs: number,
): number | null {
  if (connect === 'always' || disconnectAfterMs === 0 || unusedSinceMs === null) return null
  return Math.ceil(Math.max(0, unusedSinceMs + disconnectAfterMs - nowMs))
}
