// How much a server may send ahead on each channel of one connection: as much as is on its way at the speed that is
// measured (bandwidth × delay), so that a long way is filled and little queues at a narrow one. Bounded over all
// connections by window-budget.ts; who counts what came and what was read is wire-channel.ts.

import type { Client } from 'ssh2'
import { ping } from './internals.ts'
import { borrow, giveBack } from './window-budget.ts'

/** What ssh(1) gives every channel, ssh2 announces, and what needs no budget. */
const BASE = 2 * 1024 * 1024
/** What a queue of this length holds may always be on its way (but no more than BASE): a reader is not always quick. */
const SLACK_MS = 20
const LEAST = 128 * 1024
/** What was read is granted again in parts: each is a packet, and what is not granted yet is not on its way. */
const PART_MS = 5
const MOST_PARTS = 16
const FEWEST_PARTS = 4
/** Whoever gets less than this in a round is in no hurry. */
const BULK = 128 * 1024
/** A round is a round trip, but not shorter: it costs a packet each way. */
const ROUND_MS = 10
/** Until a queue shows that the way is full the window is twice what fits; from then on a little more than that. */
const DOUBLE = 2
const ENOUGH = 1.1
/** There is a queue when the shortest of so many round trips is this much longer than it has to be. */
const QUEUED = 1.25
const QUEUED_MS = 2
const ROUNDS = 4
/** A way that was full is no longer when it gets faster than this. */
const FASTER = 1.25
/** How much of a fast round is still believed in the next one. */
const FADING = 0.8
/** The queue that we make ourselves hides how short the way is: from time to time it is let run empty. */
const LOOK_AGAIN_MS = 30_000
const LESS = 0.7

/** What is kept here of a channel. */
export interface Pace {
  /** Bytes that may be on their way or unread. */
  window: number
  /** How much is granted again at a time. */
  part: number
  bytes: number
  /** Of the round that it last got something in, and its bytes before. */
  round: number
  bytesBefore: number
  /** Bytes a ms of late; and when the way was found to be full, or 0. */
  speed: number
  fullAtSpeed: number
  hasLeft: boolean
}

export class Flow {
  readonly #client: Client
  readonly #idleRttMs: () => number | null
  #busy: Pace[] = []
  #round = 0
  /** Null: between two rounds. */
  #beganMs: number | null = null
  #rttMs: number | null = null
  #bytesBetween = 0
  #lately: number[] = []
  #leastRttMs = Number.POSITIVE_INFINITY
  #leastSeenMs = performance.now()
  #looking = 0

  /** `idleRttMs`: a round trip of when nothing else was on its way; null where none is known. */
  constructor(client: Client, idleRttMs: () => number | null) {
    this.#client = client
    this.#idleRttMs = idleRttMs
  }

  /** For a channel that opens; `leave` ends it. */
  join(): Pace {
    return {
      window: BASE,
      part: BASE / FEWEST_PARTS,
      bytes: 0,
      round: -1,
      bytesBefore: 0,
      speed: 0,
      fullAtSpeed: 0,
      hasLeft: false,
    }
  }

  leave(pace: Pace): void {
    pace.hasLeft = true
    setWindow(pace, BASE)
  }

  /** Something came. */
  arrived(pace: Pace, bytes: number): void {
    if (pace.round !== this.#round) {
      pace.round = this.#round
      pace.bytesBefore = pace.bytes
      this.#busy.push(pace)
    }
    pace.bytes += bytes
    if (this.#beganMs === null) {
      this.#bytesBetween += bytes
      if (this.#bytesBetween >= BULK) this.#begin()
    } else if (this.#rttMs !== null) this.#endAfter(performance.now() - this.#beganMs)
  }

  #begin(): void {
    const beganMs = performance.now()
    this.#round += 1
    this.#busy = []
    this.#bytesBetween = 0
    this.#rttMs = null
    this.#beganMs = beganMs
    try {
      ping(this.#client, () => {
        this.#rttMs = performance.now() - beganMs
        this.#endAfter(this.#rttMs)
      })
    } catch {
      // Ended in this moment: nothing comes any more.
    }
  }

  #endAfter(elapsedMs: number): void {
    if (elapsedMs < ROUND_MS || this.#rttMs === null) return
    this.#learnRtt(this.#rttMs)
    for (const pace of this.#busy) {
      const bytes = pace.bytes - pace.bytesBefore
      if (bytes >= BULK && !pace.hasLeft) this.#set(pace, bytes / elapsedMs)
    }
    this.#beganMs = null
  }

  #learnRtt(rttMs: number): void {
    const now = performance.now()
    this.#lately = [...this.#lately, rttMs].slice(-ROUNDS)
    const least = Math.min(rttMs, this.#leastRttMs, this.#idleRttMs() ?? rttMs)
    if (least < this.#leastRttMs || rttMs < this.#leastRttMs * 1.05) this.#leastSeenMs = now
    this.#leastRttMs = least
    if (this.#looking > 0 && --this.#looking === 0) this.#leastRttMs = Math.min(...this.#lately)
    else if (this.#looking === 0 && now - this.#leastSeenMs > LOOK_AGAIN_MS) {
      this.#looking = ROUNDS
      this.#leastSeenMs = now
    }
  }

  #set(pace: Pace, speed: number): void {
    const isQueued = Math.min(...this.#lately) > this.#leastRttMs * QUEUED + QUEUED_MS
    pace.speed = Math.max(speed, pace.speed * FADING)
    if (speed > pace.fullAtSpeed * FASTER) pace.fullAtSpeed = 0
    if (isQueued && pace.fullAtSpeed === 0) pace.fullAtSpeed = pace.speed
    const onItsWay = pace.speed * this.#leastRttMs * (pace.fullAtSpeed === 0 ? DOUBLE : ENOUGH)
    const wanted = Math.max(onItsWay, Math.min(pace.speed * SLACK_MS, BASE), LEAST)
    if (this.#looking > 0) setWindow(pace, wanted * LESS)
    else if (isQueued || wanted > pace.window) setWindow(pace, wanted)
    const { window } = pace
    pace.part = Math.max(window / MOST_PARTS, Math.min(window / FEWEST_PARTS, pace.speed * PART_MS))
  }
}

/** Whole bytes: they are counted on both sides, and must come out even. */
function setWindow(pace: Pace, wished: number): void {
  const wanted = Math.round(wished)
  const has = Math.max(0, pace.window - BASE)
  const wants = Math.max(0, wanted - BASE)
  if (wants <= has) {
    giveBack(has - wants)
    pace.window = wanted
  } else pace.window = BASE + has + borrow(wants - has)
}
