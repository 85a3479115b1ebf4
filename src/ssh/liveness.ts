// Whether the other end is still there: ServerAliveInterval and ServerAliveCountMax of ssh_config(5), on a
// clock of our own. Any inbound byte is life, so that a busy connection is never mistaken for a dead one.

import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import type { WantedHost } from '../model/wanted.ts'
import { ping } from './internals.ts'

type Timing = Pick<WantedHost, 'serverAliveIntervalMs' | 'serverAliveCountMax'>

/** Asks at the start for a first round trip, twice since a server answers its first request late; then only after silence. */
export class Liveness {
  rttMs: number | null = null
  readonly #client: Client
  readonly #onDead: (cause: string) => void
  #timer: NodeJS.Timeout | undefined
  #countMax = 0
  #heard = true
  #unanswered = 0

  /** `onDead` gets the cause in words. An interval of 0 is off. */
  constructor(timing: Timing, client: Client, socket: Duplex, onDead: (cause: string) => void) {
    this.#client = client
    this.#onDead = onDead
    // A jump host's channel has no bytesRead: count by listening.
    socket.on('data', () => {
      this.#heard = true
    })
    this.#ping(() => this.#ping())
    this.start(timing)
  }

  /** Also while it runs: the new timing begins now. */
  start({ serverAliveIntervalMs, serverAliveCountMax }: Timing): void {
    this.stop()
    this.#countMax = serverAliveCountMax
    this.#unanswered = 0
    if (serverAliveIntervalMs > 0) this.#timer = setInterval(() => this.#look(), serverAliveIntervalMs)
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(): void {
    if (this.#heard) this.#unanswered = 0
    else if (this.#unanswered >= this.#countMax) return this.#onDead('it no longer answers')
    if (!this.#heard) {
      this.#unanswered++
      this.#ping()
    }
    this.#heard = false
  }

  #ping(onAnswer = () => {}): void {
    const asked = performance.now()
    try {
      ping(this.#client, () => {
        this.rttMs = performance.now() - asked
        onAnswer()
      })
    } catch {
      // Ended in this moment: the socket says so itself.
    }
  }
}
