// Tells everybody who listens what happens, in order: events as they come, and what has become of hosts and forwards
// once for many changes at once. What is true now is asked of who knows it.

import type { Event } from '../control/protocol.ts'
import { see, stateEvents, type World } from './state-events.ts'

/** Changes of state within this time are told together, so that a burst of connections costs one look. */
const gatherMs = 20

export class News {
  readonly #look: () => World
  readonly #onTold: () => void
  readonly #listeners = new Set<(event: Event) => void>()
  #seen = see({ hosts: [], forwards: [] })
  #isLookDue = false

  /** `onTold`: after each look, whether or not there was something to tell. */
  constructor(look: () => World, onTold: () => void) {
    this.#look = look
    this.#onTold = onTold
  }

  /** Returns its stop. */
  watch(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  tell(event: Event): void {
    for (const listener of [...this.#listeners]) listener(event)
  }

  /** To be called whenever some host or forward may be in another state. */
  worldChanged(): void {
    if (this.#isLookDue) return
    this.#isLookDue = true
    setTimeout(() => this.tellStates(), gatherMs)
  }

  /** Not to be waited for: what has changed so far. */
  tellStates(): void {
    this.#isLookDue = false
    const world = this.#look()
    const events = stateEvents(this.#seen, world, new Date().toISOString())
    this.#seen = see(world)
    for (const event of events) this.tell(event)
    this.#onTold()
  }
}
