// One connection that a forward carries, from the knock to its end: what status shows of it, and the one
// signal that ends all that belongs to it.

import type { DialTarget, Originator } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import { Stop, type StopSignal } from './stop.ts'

export interface ConnectionView {
  from: Originator
  /** What it came to. */
  through: string
  /** As the client asked for it; null until a SOCKS client has. */
  target: DialTarget | null
  /** ISO 8601, UTC. */
  since: string
  bytes: Bytes
  draining: boolean
}

/** `in` came to this machine through SSH, `out` left it through SSH. */
export interface Bytes {
  in: number
  out: number
}

/** setTimeout(3) of Node takes no more, and would fire at once. */
const longestMs = 2 ** 31 - 1

export class OpenConnection {
  readonly from: Originator
  readonly through: string
  /** Of the route that it goes by. */
  drainMs: number
  readonly since = new Date()
  readonly bytes: Bytes = { in: 0, out: 0 }
  /** Null until a SOCKS client has asked. */
  target: DialTarget | null = null
  draining = false
  readonly ended: Promise<void>
  readonly #whole: Bytes
  readonly #direction: 'local' | 'remote'
  readonly #stop = new Stop()
  #resolveEnded = () => {}
  #timer: NodeJS.Timeout | undefined
  #cutAtMs = Number.POSITIVE_INFINITY
  #idleTimer: NodeJS.Timeout | undefined
  #movedAtMs = 0
  #endReason: Problem | null = null

  /** `whole`: the forward's own count, kept along with this one's. */
  constructor(from: Originator, drainMs: number, direction: 'local' | 'remote', whole: Bytes, through = '') {
    this.from = from
    this.through = through
    this.drainMs = drainMs
    this.#direction = direction
    this.#whole = whole
    this.ended = new Promise((resolve) => {
      this.#resolveEnded = resolve
    })
  }

  get signal(): StopSignal {
    return this.#stop
  }

  /** Bytes from the side that knocked. */
  countForth(bytes: number): void {
    this.#count(this.#direction === 'local' ? 'out' : 'in', bytes)
  }

  /** Bytes from the side that was dialled. */
  countBack(bytes: number): void {
    this.#count(this.#direction === 'local' ? 'in' : 'out', bytes)
  }

  /** Why it was ended from here although both sides would have gone on; null: it was not. */
  get endReason(): Problem | null {
    return this.#endReason
  }

  cut(): void {
    this.#stop.abort()
  }

  /** From now on it is cut when nothing has moved for `ms`, in whichever direction; 0: never. */
  cutWhenIdle(ms: number): void {
    if (ms <= 0) return
    this.#movedAtMs = performance.now()
    const look = () => {
      const restMs = this.#movedAtMs + ms - performance.now()
      if (restMs > 0) this.#idleTimer = setTimeout(look, Math.ceil(restMs))
      else this.#cutIdle(ms)
    }
    this.#idleTimer = setTimeout(look, ms)
  }

  /** Of several deadlines the earliest counts. */
  drain(ms: number): void {
    this.draining = true
    const cutAtMs = performance.now() + ms
    if (cutAtMs >= this.#cutAtMs) return
    this.#cutAtMs = cutAtMs
    clearTimeout(this.#timer)
    if (ms <= 0) return this.cut()
    this.#timer = setTimeout(() => this.cut(), Math.min(ms, longestMs))
  }

  end(): void {
    clearTimeout(this.#timer)
    clearTimeout(this.#idleTimer)
    this.#resolveEnded()
  }

  view(): ConnectionView {
    return {
      from: this.from,
      through: this.through,
      target: this.target,
      since: this.since.toISOString(),
      bytes: { ...this.bytes },
      draining: this.draining,
    }
  }

  #cutIdle(ms: number): void {
    const summary = `Nothing moved on it for ${ms / 1000} s (idle_timeout)`
    this.#endReason = { code: 'LIMIT_REACHED', summary }
    this.cut()
  }

  #count(way: keyof Bytes, bytes: number): void {
    if (this.#idleTimer) this.#movedAtMs = performance.now()
    this.bytes[way] += bytes
    this.#whole[way] += bytes
  }
}
