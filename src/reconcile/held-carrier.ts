// A carrier with its users counted, so that one that was replaced closes when its last connection has ended.

import type { Carrier, Connection } from '../forward/carrier.ts'
import { once } from '../forward/once.ts'

export class HeldCarrier {
  readonly carrier: Carrier
  #holds = 0
  #retired = false

  constructor(carrier: Carrier) {
    this.carrier = carrier
  }

  /** Keeps the carrier open until the returned function is called (more than once is harmless). */
  hold(): () => void {
    this.#holds += 1
    return once(() => {
      this.#holds -= 1
      this.#closeWhenUnused()
    })
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

  #closeWhenUnused(): void {
    if (this.#retired && this.#holds === 0) this.carrier.close()
  }
}
