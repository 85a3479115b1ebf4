// Whether the other end is still there: ServerAliveInterval and ServerAliveCountMax of ssh_config(5), on a clock of
// our own. Any inbound byte is life, so that a busy connection is never mistaken for a dead one; time in which this
// process did not run counts for nothing. Whether the network of this machine changed is watched by the supervisor.

import type { Socket } from 'node:net'
import { networkInterfaces } from 'node:os'
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import type { WantedHost } from '../model/wanted.ts'
import { deliveredBytes, outermost } from './delivered.ts'
import { ping } from './internals/ping.ts'

type Timing = Pick<WantedHost, 'serverAliveIntervalMs' | 'serverAliveCountMax'>

/** How often it looks when nothing is due sooner: what it finds out by looking (a late clock) is then known soon. */
const LOOK_MS = 1_000

/** Somebody here sent something and heard nothing for this long: we ask, without waiting for the interval. */
const WAITING_MS = 1_000

/** For an answer from a connection that is probably gone: it was asleep for too long, or its address went. */
const DOUBTED_MS = 2_000

/**
 * Asks at the start for a first round trip, twice since a server answers its first request late; then after each
 * interval of silence, and sooner while somebody waits. Dead is who left `serverAliveCountMax` questions unanswered
 * for an interval each.
 */
export class Liveness {
  rttMs: number | null = null
  readonly #client: Client
  readonly #socket: Duplex
  readonly #onDead: (cause: string) => void
  readonly #deliveredBytes: typeof deliveredBytes
  #timer: NodeJS.Timeout | undefined
  #timing: Timing = { serverAliveIntervalMs: 0, serverAliveCountMax: 0 }
  /** When bytes came last, and up to when that was looked at. */
  #heardAt = 0
  #seenAt = 0
  #unanswered = 0
  /** When the next question, or the verdict, is due. */
  #dueAt = 0
  /** When the connection has to have said something, whatever the timing: it is doubted. */
  #doubtedUntil: number | null = null
  /** What had been sent when something was last heard, and since when there is more. */
  #sentBefore = 0
  #waitingSince: number | null = null
  /** Where the first unanswered question ends in what was written, and how far that had arrived before the last one. */
  #askedUpTo = 0
  #delivered: number | null = null
  #expected = clocks()

  /** `onDead` gets the cause in words. An interval of 0 is off. */
  constructor(
    timing: Timing,
    client: Client,
    socket: Duplex,
    onDead: (cause: string) => void,
    delivered = deliveredBytes,
  ) {
    this.#client = client
    this.#socket = socket
    this.#onDead = onDead
    this.#deliveredBytes = delivered
    // A jump host's channel has no bytesRead: count by listening.
    socket.on('data', () => {
      this.#heardAt = performance.now()
      this.#sentBefore = this.#sent()
    })
    this.#ping(() => this.#ping())
    this.start(timing)
  }

  /** Also while it runs: the new timing begins now. */
  start(timing: Timing): void {
    this.stop()
    this.#timing = timing
    const now = performance.now()
    this.#heard(now)
    if (timing.serverAliveIntervalMs > 0) this.#lookAgain(now)
  }

  stop(): void {
    clearTimeout(this.#timer)
  }

  /** The network of this machine changed: asks at once. An address that is gone gets no answer; it has little time. */
  networkChanged(): void {
    if (this.#timing.serverAliveIntervalMs === 0) return
    const hasMoved = 'localAddress' in this.#socket && !isOurs((this.#socket as Socket).localAddress)
    this.#askNow(performance.now(), hasMoved)
  }

  #look(): void {
    const now = performance.now()
    const lateMs = this.#lateness()
    const { serverAliveIntervalMs: interval, serverAliveCountMax: countMax } = this.#timing
    // What came while we did not run is read after this: nothing can be told of the other side yet.
    if (lateMs > LOOK_MS) this.#askNow(now, lateMs > interval * (countMax + 1))
    else if (this.#heardAt > this.#seenAt) this.#heard(this.#heardAt)
    else if (now >= this.#dueAt || now >= (this.#doubtedUntil ?? Number.POSITIVE_INFINITY)) this.#due(now)
    else if (this.#isWaitedFor(now)) this.#ask(now)
    this.#lookAgain(now)
  }

  #due(now: number): void {
    const isDoubted = this.#doubtedUntil !== null && now >= this.#doubtedUntil
    if (!isDoubted && this.#unanswered < this.#timing.serverAliveCountMax) return this.#ask(now)
    if (!isDoubted && this.#isOnItsWay()) {
      this.#dueAt = now + this.#timing.serverAliveIntervalMs
      return
    }
    // An answer that lies in the kernel is read before the verdict.
    setImmediate(() => {
      if (this.#heardAt <= this.#seenAt) this.#onDead('it no longer answers')
    })
  }

  #ask(now: number): void {
    this.#unanswered += 1
    this.#dueAt = now + this.#timing.serverAliveIntervalMs
    if (this.#unanswered === this.#timing.serverAliveCountMax)
      this.#delivered = this.#deliveredBytes(outermost(this.#socket))
    this.#ping()
    if (this.#unanswered === 1) this.#askedUpTo = sentBytes(outermost(this.#socket))
  }

  /**
   * An upload fills a queue of seconds, on a slow line of minutes, and a question waits at its end: as long as the
   * queue moves nothing can be told of the other side. From when the question is there an answer has an interval.
   */
  #isOnItsWay(): boolean {
    const before = this.#delivered
    if (before === null || before >= this.#askedUpTo) return false
    this.#delivered = this.#deliveredBytes(outermost(this.#socket))
    return this.#delivered !== null && this.#delivered > before
  }

  /** Counts anew. */
  #askNow(now: number, isDoubted: boolean): void {
    this.#seenAt = now
    this.#unanswered = 0
    const patienceMs = Math.max(DOUBTED_MS, 4 * (this.rttMs ?? 0))
    this.#doubtedUntil = isDoubted ? now + patienceMs : null
    this.#ask(now)
  }

  #heard(at: number): void {
    this.#seenAt = at
    this.#unanswered = 0
    this.#doubtedUntil = null
    this.#waitingSince = null
    this.#dueAt = at + this.#timing.serverAliveIntervalMs
  }

  /** Bytes that are not our questions went out, and nothing came back. */
  #isWaitedFor(now: number): boolean {
    if (this.#unanswered > 0 || this.#sent() === this.#sentBefore) return false
    this.#waitingSince ??= now
    return now - this.#waitingSince >= WAITING_MS
  }

  /** A jump host's channel does not count; its own connection is watched as well. */
  #sent(): number {
    return sentBytes(this.#socket)
  }

  #lookAgain(now: number): void {
    const dueMs = Math.min(this.#dueAt, this.#doubtedUntil ?? Number.POSITIVE_INFINITY) - now
    const delayMs = Math.max(1, Math.min(LOOK_MS, Math.ceil(dueMs)))
    this.#expected = clocks(delayMs)
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#look(), delayMs)
  }

  /** A stopped process sees it on the steady clock, a machine that slept on the other: Linux stops the steady one. */
  #lateness(): number {
    const { steady, wall } = clocks()
    return Math.max(steady - this.#expected.steady, wall - this.#expected.wall)
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

function sentBytes(stream: Duplex): number {
  return 'bytesWritten' in stream ? (stream as Socket).bytesWritten : 0
}

function clocks(plusMs = 0): { steady: number; wall: number } {
  return { steady: performance.now() + plusMs, wall: Date.now() + plusMs }
}

/** Also true of what cannot be told. */
function isOurs(address: string | undefined): boolean {
  if (address === undefined) return true
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '')
  return Object.values(networkInterfaces())
    .flat()
    .some((own) => own?.address === plain)
}
