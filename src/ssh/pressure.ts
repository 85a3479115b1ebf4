// ssh2 writes to its socket without looking whether it is taken: this lets the channels of one connection wait
// while too much is queued there.

import type { Duplex } from 'node:stream'

/** Bytes queued in this process; above it, writers wait until the queue is empty. */
const LIMIT = 4 * 1024 * 1024

export class Pressure {
  readonly #socket: Duplex
  #waiting: (() => void)[] = []

  constructor(socket: Duplex) {
    this.#socket = socket
    socket.on('drain', () => this.#release())
    socket.once('close', () => this.#release())
  }

  /** Calls back at once, or when the connection takes more. */
  wait(next: () => void): void {
    if (this.#socket.writableLength <= LIMIT || this.#socket.destroyed) next()
    else this.#waiting.push(next)
  }

  #release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const next of waiting) next()
  }
}
