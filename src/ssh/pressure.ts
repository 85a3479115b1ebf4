// ssh2 writes to its socket without looking whether it is taken: this lets the channels of one connection wait
// while too much is queued there.

import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { packetsHeldBack } from './internals/key-exchange.ts'

/**
 * Bytes queued in this process; above it, writers wait until the queue is empty. What waits here is before whatever
 * another channel has to say next, and the kernel has a queue of its own that keeps the line busy meanwhile.
 */
const LIMIT = 1024 * 1024
/** The same for packets that wait for new keys: a server decides how long that takes. */
const LIMIT_PACKETS = 256

export class Pressure {
  readonly #socket: Duplex
  readonly #client: Client
  #waiting: (() => void)[] = []

  constructor(socket: Duplex, client: Client) {
    this.#socket = socket
    this.#client = client
    socket.on('drain', () => this.#release())
    client.on('handshake', () => this.#release())
    socket.once('close', () => this.#release())
  }

  /** Calls back at once, or when the connection takes more. */
  wait(next: () => void): void {
    if (this.#socket.destroyed || !this.#isFull()) next()
    else this.#waiting.push(next)
  }

  #isFull(): boolean {
    return this.#socket.writableLength > LIMIT || packetsHeldBack(this.#client) > LIMIT_PACKETS
  }

  #release(): void {
    const waiting = this.#waiting
    this.#waiting = []
    for (const next of waiting) next()
  }
}
