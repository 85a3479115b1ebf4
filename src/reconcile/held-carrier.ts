// A carrier with its users counted, so that one that was replaced closes when its last connection has ended.

import type { Carrier, Connection, Dial } from '../forward/carrier.ts'
import { once } from '../forward/once.ts'

export class HeldCarrier {
  readonly carrier: Carrier
  /** When the last user let go, or it was made, by performance.now(); null while it has one. */
  unusedSinceMs: number | null = performance.now()
  readonly #onUse: () => void
  #holds = 0
  #retired = false

  /** `onUse`: called when it has users, or none any more. */
  constructor(carrier: Carrier, onUse: () => void = () => {}) {
    this.carrier = carrier
    this.#onUse = onUse
  }

  /** Keeps the carrier open until the returned function is called (more than once is harmless). */
  hold(): () => void {
    this.#holds += 1
    if (this.#holds === 1) this.#use(null)
    return once(() => {
      this.#holds -= 1
      if (this.#holds === 0) this.#use(performance.now())
      this.#closeWhenUnused()
    })
  }

  /** Held while it dials, and for as long as the connection lives. */
  readonly dial: Dial = async (target, from, signal) => {
    const release = this.hold()
    try {
      return this.holdFor(await this.carrier.dial(target, from, signal))
    } finally {
      release()
    }
  }

  /** Held for as long as the connection's stream lives. */
  holdFor(connection: Connection): Connection {
    connection.stream.once('close', this.hold())
    return connection
  }

  /** No new user comes: closes it now, or when the last one lets go. */
  retire(): void {
    this.#retired = true
    this.#closeWhenUnused()
  }

  #use(unusedSinceMs: number | null): void {
    this.unusedSinceMs = unusedSinceMs
    this.#onUse()
  }

  #closeWhenUnused(): void {
    if (this.#retired && this.#holds === 0) this.carrier.close()
  }
}
