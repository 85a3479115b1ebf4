// How much a server may send ahead on each channel of one connection: as much as is on its way at the speed that is
// measured (bandwidth × delay), so that a long way is filled and little queues at a narrow one. Bounded over all
// connections by window-budget.ts; who counts what came and what was read is wire-channel.ts.

import type { Client } from 'ssh2'
import { ping } from './internals/ping.ts'
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
/** Until the way is full the window is twice what fits; then it is what fits, and from time to time more is tried. */
const DOUBLE = 2
const TRIAL = 1.25
const TRIAL_ROUNDS = 2
const ROUNDS_BETWEEN = 16
/** There is a queue when the shortest of so many round trips is this much longer than it has to be. */
const QUEUED = 1.05
const QUEUED_MS = 2
const ROUNDS = 4
/**
 * The way is full when there is a queue and the speed has not grown like this for so many rounds: a queue alone may as
 * well be a processor that had other work. And it is not full any more when it gets faster than this.
 */
const FASTER = 1.2
const FULL_ROUNDS = 3
/** The fastest of this many rounds, and of as many before, is what the way can do. */
const ROUNDS_BELIEVED = 10
/** How much of a fast round is still believed in the next one, of how quick readers are just now. */
const FADING = 0.8
/** The queue that we make ourselves hides how short the way is: from time to time it is let run empty. */
const LOOK_AGAIN_MS = 10_000
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
  rounds: number
  /** Bytes a ms: the fastest of these rounds, and of those before. */
  speed: number
  speedBefore: number
  speedOfLate: number
  /** That it last grew to, and for how many rounds it has not. */
  grownTo: number
  roundsAlike: number
  /** When the way was found to be full, or 0. */
  fullAtSpeed: number
  /** Since more was tried last. */
  roundsSince: number
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
      rounds: 0,
      speed: 0,
      speedBefore: 0,
      speedOfLate: 0,
      grownTo: 0,
      roundsAlike: 0,
      fullAtSpeed: 0,
      roundsSince: 0,
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

  #set(pace: Pace, speedNow: number): void {
    const isQueued = Math.min(...this.#lately) > this.#leastRttMs * QUEUED + QUEUED_MS
    const speed = believe(pace, speedNow)
    const isTrialOver = judge(pace, speed, isQueued)
    // What waits to be granted again is not on its way.
    const onItsWay = speed * (this.#leastRttMs * gainOf(pace) + PART_MS)
    pace.speedOfLate = Math.max(speedNow, pace.speedOfLate * FADING)
    const wanted = Math.max(onItsWay, Math.min(pace.speedOfLate * SLACK_MS, BASE), LEAST)
    if (this.#looking > 0) setWindow(pace, wanted * LESS)
    else if (isQueued || isTrialOver || wanted > pace.window) setWindow(pace, wanted)
    const { window } = pace
    pace.part = Math.max(window / MOST_PARTS, Math.min(window / FEWEST_PARTS, speed * PART_MS))
  }
}

/** What the way can do: a round in which this process, the server or the source had other things to do says nothing. */
function believe(pace: Pace, speedNow: number): number {
  pace.rounds += 1
  if (pace.rounds % ROUNDS_BELIEVED === 0) {
    pace.speedBefore = pace.speed
    pace.speed = 0
  }
  pace.speed = Math.max(pace.speed, speedNow)
  return Math.max(pace.speed, pace.speedBefore)
}

/** Whether the way is full; true when the window is to be what fits, because it was just found to be or a trial has ended. */
function judge(pace: Pace, speed: number, isQueued: boolean): boolean {
  if (speed > FASTER * (pace.fullAtSpeed || pace.grownTo)) {
    pace.grownTo = speed
    pace.roundsAlike = 0
    pace.fullAtSpeed = 0
    return false
  }
  pace.roundsAlike += 1
  pace.roundsSince += 1
  if (pace.fullAtSpeed > 0) {
    if (pace.roundsSince < ROUNDS_BETWEEN + TRIAL_ROUNDS) return false
  } else {
    if (!isQueued || pace.roundsAlike < FULL_ROUNDS) return false
    pace.fullAtSpeed = speed
  }
  pace.roundsSince = 0
  return true
}

function gainOf({ fullAtSpeed, roundsSince }: Pace): number {
  if (fullAtSpeed === 0) return DOUBLE
  return roundsSince < ROUNDS_BETWEEN ? 1 : TRIAL
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
