// One host's place in the world: the connection that serves, and the attempt at the next one. Reconnecting
// lives here and is nobody else's business; a changed spec is connected to before the old one is let go.
//
//              ┌────────── lost, or failed and healing ──────────┐
//   opening ──▶ open ──lost──▶ retrying ──▶ open                  │
//      ├──failed──▶ retrying | waiting | failed ──wake, reopen──▶ opening
//      └──asks──▶ waiting, with a prompt ──answered──▶ opening
//
// On demand it is idle while nobody wants it: idle ──use──▶ opening, open ──unused──▶ idle, retrying ──nobody waits──▶
// idle with its problem. What does not heal by itself rests as ever: a client that tries again is no reason to show a
// server a refused key again.
//
// With a new spec while open: `current` serves on until the attempt succeeds, and `next` goes through these states
// instead; it never comes back on the old spec.

import type { Dial } from '../forward/carrier.ts'
import type { StopSignal } from '../forward/stop.ts'
import { createLimit } from '../health/limit.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { Ask, Prompt } from '../model/prompt.ts'
import type { HostStatus, State } from '../model/status.ts'
import { formatEndpoint, type WantedHost } from '../model/wanted.ts'
import { type Connect, connectThrough } from './attempt.ts'
import type { AfterFailure } from './backoff.ts'
import { Demand, leftUnusedMs } from './demand.ts'
import { Failures } from './failures.ts'
import { HeldCarrier } from './held-carrier.ts'
import {
  afterLoss,
  became,
  entered,
  hostStatus,
  opening,
  problemShown,
  type Shown,
  wayOf,
} from './host-shown.ts'
import { behindJump, waitForJump } from './jump.ts'
import type { Prompts } from './prompts.ts'
import { aborted, untilClosed } from './until.ts'
import { Waiting } from './waiting.ts'

/** What every host of a supervisor has in common. */
export interface Surroundings {
  connect: Connect
  onChange: () => void
  prompts: Prompts
}

type Serving = { held: HeldCarrier; generation: number; endpoint: string }

/** A server has better things to do, too. */
const checksAtOnce = 32

/** An attempt that may still get on. */
const youngMs = 2_000

interface Rest {
  after: AfterFailure
  retryAt: Date | null
  problem: Problem
}

export class HostSlot {
  #spec: WantedHost
  #jump: HostSlot | null
  readonly #connect: Connect
  readonly #onChange: () => void
  readonly #prompts: Prompts
  #prompt: Prompt | null = null
  #generation = 0
  #serving: Serving | null = null
  #shown: Shown = { ...opening(new Date()), next: null }
  #retryAt: Date | null = null
  /** Connections that took the place of a lost one of the same spec: nobody asked for them. */
  #reconnects = 0
  #servedGeneration: number | null = null
  readonly #failures = new Failures()
  /** When the attempt that is under way began; Infinity: none is. */
  #attemptSince = Number.POSITIVE_INFINITY
  #resting: Rest | null = null
  /** Somebody asked for a try: it is made although nobody uses the host. */
  #isOwed = false
  #isBehindJump = false
  #unusedTimer: NodeJS.Timeout | undefined
  readonly #demand = new Demand(() => this.#demandChanged())
  /** Ends the attempt or the rest that is under way, so that the loop looks again. */
  #turn = new AbortController()
  readonly #end = new AbortController()
  /** Of the checks that go through it. */
  readonly checks = createLimit(checksAtOnce)
  /** Checks under way that are commands of this machine, which connect through it as anybody does. */
  commandChecks = 0
  readonly #waiting = new Waiting<HeldCarrier>()
  readonly #watchers = new Set<() => void>()

  constructor(spec: WantedHost, jump: HostSlot | null, surroundings: Surroundings) {
    this.#spec = spec
    this.#jump = jump
    this.#connect = surroundings.connect
    this.#onChange = surroundings.onChange
    this.#prompts = surroundings.prompts
    void this.#run()
  }

  get spec(): WantedHost {
    return this.#spec
  }

  get current(): HeldCarrier | null {
    return this.#serving?.held ?? null
  }

  get state(): State {
    return this.#shown.state
  }

  get problem(): Problem | null {
    return problemShown(this.#shown)
  }

  /** A person is being asked: with the answer it goes on. */
  get isAsking(): boolean {
    return this.#prompt !== null
  }

  /** It does not come back without somebody's doing. */
  get isGivenUp(): boolean {
    if (this.isAsking) return false
    return this.state === 'failed' || this.state === 'waiting' || this.state === 'closed'
  }

  /** A change that needs no new connection. */
  update(spec: WantedHost): void {
    this.#spec = spec
    this.#serving?.held.carrier.update(spec)
    this.#demandChanged()
  }

  /** Make before break: the connection that is open serves until one with the new spec is. */
  reopen(spec: WantedHost, jump: HostSlot | null): void {
    this.#spec = spec
    this.#jump = jump
    this.#failures.forget()
    this.#generation += 1
    if (this.#serving) this.#shown = { ...this.#shown, next: opening(new Date()) }
    if (!this.#isNeeded) this.#enter('idle', null)
    this.#nextTurn()
  }

  /**
   * Ends a rest, whatever it was for: something changed, or a person asked. False where there is none: an attempt under
   * way goes on.
   */
  wake(): boolean {
    if (!this.#resting) return false
    this.#isOwed = this.isGivenUp
    this.#failures.forget()
    this.#nextTurn()
    return true
  }

  /** This machine slept, or its network is another: what failed before says nothing of now. */
  surroundingsChanged(): void {
    this.current?.carrier.networkChanged?.()
    if (this.#retryAt) this.wake()
    // Its answer may be on the way to an address that is gone, and no longer come.
    else if (performance.now() - this.#attemptSince > youngMs && !this.isAsking) this.#turn.abort()
  }

  /** It connects no more. What is open stays until its last user lets go, or is cut at once. */
  retire(atOnce: boolean): void {
    this.#end.abort()
    this.#turn.abort()
    clearTimeout(this.#unusedTimer)
    this.#waiting.fail({ code: 'HOST_LOST', summary: `The host ${this.#spec.name} is closed` })
    this.#enter('closed', null)
    if (atOnce) this.current?.carrier.close()
    else this.current?.retire()
  }

  /**
   * The connection to use, waiting for one up to connect_timeout while the host heals. Rejects with a
   * ProblemError: at once when it will not come by itself. `newest` waits past one that is being replaced.
   */
  async carrier(signal: StopSignal, newest = false): Promise<HeldCarrier> {
    if (this.#serving && (!newest || this.#serving.generation === this.#generation)) return this.#serving.held
    if (this.isGivenUp) throw new ProblemError(this.#unavailable())
    const leave = this.#demand.take()
    try {
      return await this.#waiting.wait(signal, this.#spec.connectTimeoutMs, () => this.#unavailable())
    } finally {
      leave()
    }
  }

  /** Until the returned function is called it is connected all the time, on demand too. */
  need(): () => void {
    return this.#demand.take()
  }

  /**
   * Dials through this host. The connection holds its carrier for as long as it lives. One whose carrier is lost before
   * the target has answered is new still, and goes with the next carrier: a server that ends what is unused may do so
   * just now. Once: what it asks for may be what its server dies of.
   */
  readonly dial: Dial = async (target, from, signal) => {
    const held = await this.carrier(signal)
    try {
      return await held.dial(target, from, signal)
    } catch (error) {
      if (signal.aborted || !held.carrier.closed.aborted) throw error
    }
    return (await this.carrier(signal)).dial(target, from, signal)
  }

  /** Called whenever another connection serves, or none. Returns its stop. */
  watch(watcher: () => void): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  status(): HostStatus {
    return hostStatus(this.#spec, this.#shown, this.#serving?.endpoint ?? null, {
      rttMs: this.current?.carrier.rttMs ?? null,
      reconnects: this.#reconnects,
      retryAt: this.#retryAt?.toISOString() ?? null,
      prompt: this.#prompt,
    })
  }

  async #run(): Promise<void> {
    while (!this.#end.signal.aborted) {
      this.#turn = new AbortController()
      const { signal } = this.#turn
      try {
        if (!this.#isNeeded) await this.#idle(signal)
        else if (this.#serving?.generation === this.#generation)
          await untilClosed(this.#serving.held.carrier, signal)
        else await this.#attempt(this.#generation, signal)
      } catch (error) {
        if (!signal.aborted) await this.#rest(problemOf(error), signal)
      }
    }
  }

  async #attempt(generation: number, signal: AbortSignal): Promise<void> {
    if (this.state === 'idle') this.#enter('opening', this.#shown.problem)
    const stopNeeding = this.#jump?.need()
    try {
      const held = this.#jump && (await this.#waitFor(this.#jump, signal))
      if (wayOf(this.#shown) !== 'retrying') this.#become('opening')
      const endpoint = formatEndpoint(this.#spec)
      this.#attemptSince = performance.now()
      const carrier = await connectThrough(held, this.#spec, this.#connect, { ask: this.#ask, signal })
      if (signal.aborted) carrier.close()
      else this.#serve({ held: new HeldCarrier(carrier, () => this.#lookAtUse()), generation, endpoint })
    } finally {
      this.#attemptSince = Number.POSITIVE_INFINITY
      stopNeeding?.()
    }
  }

  async #waitFor(jump: HostSlot, signal: AbortSignal): Promise<HeldCarrier> {
    this.#isBehindJump = true
    try {
      return await waitForJump(jump, signal, () => this.#tellOfJump(jump))
    } finally {
      this.#isBehindJump = false
    }
  }

  /** Until somebody wants it. */
  async #idle(signal: AbortSignal): Promise<void> {
    this.#enter('idle', this.#shown.problem)
    this.#notifyWatchers()
    await aborted(signal)
    this.#failures.goesDown()
  }

  get #isNeeded(): boolean {
    if (this.#spec.connect === 'always' || this.#isOwed) return true
    return this.#demand.isThere || this.#serving !== null
  }

  #demandChanged(): void {
    if (this.#end.signal.aborted) return
    this.#lookAtUse()
    if (this.#resting) this.#showRest(this.#resting)
    else if (this.#isNeeded ? this.state === 'idle' : this.#isBehindJump) this.#turn.abort()
  }

  /** On demand: lets a connection go that nobody has used for disconnect_after. */
  #lookAtUse(): void {
    clearTimeout(this.#unusedTimer)
    if (!this.current || this.#demand.isThere || this.#end.signal.aborted) return
    const restMs = leftUnusedMs(this.#spec, this.current.unusedSinceMs, performance.now())
    if (restMs !== null) this.#unusedTimer = setTimeout(() => this.#disconnect(), restMs)
  }

  #disconnect(): void {
    const unused = this.current
    this.#serving = null
    this.#enter('idle', null)
    unused?.retire()
    this.#servedGeneration = null
    this.#notifyWatchers()
    this.#turn.abort()
  }

  /** The host waits for the answer; what serves meanwhile goes on. */
  readonly #ask: Ask = async (question, signal) => {
    const asked = this.#prompts.ask(this.#spec.name, question, signal)
    if (!asked) return null
    const before = wayOf(this.#shown)
    this.#prompt = asked.prompt
    this.#become('waiting')
    this.#notifyWatchers()
    try {
      return await asked.answers
    } finally {
      this.#prompt = null
      if (wayOf(this.#shown) === 'waiting') this.#become(before)
      else this.#onChange()
      this.#notifyWatchers()
    }
  }

  /** What fails there is ours at once, not only when we have waited long enough. */
  #tellOfJump(jump: HostSlot): void {
    // Its question is not ours: we are on our way, as it is.
    if (jump.isAsking && !jump.current) return
    if (jump.current && jump.state === 'open' && !jump.problem) return
    const problem = behindJump(this.#spec, jump.spec, jump.#unavailable())
    const way = wayOf(jump.#shown)
    this.#become(way === 'open' ? 'retrying' : way, problem)
    if (this.isGivenUp) this.#waiting.fail(problem)
    this.#notifyWatchers()
  }

  #serve(next: Serving): void {
    const previous = this.#serving
    const { closed } = next.held.carrier
    closed.throwIfAborted()
    const servedFrom = performance.now()
    this.#serving = next
    if (this.#servedGeneration === next.generation) this.#reconnects += 1
    this.#servedGeneration = next.generation
    this.#failures.forget()
    this.#isOwed = false
    const lost = () => {
      if (this.#serving === next) this.#failures.lost(performance.now() - servedFrom)
      this.#lost(next, problemOf(closed.reason))
    }
    closed.addEventListener('abort', lost, { once: true })
    this.#enter('open', next.held.carrier.warning)
    this.#waiting.serve(next.held)
    this.#notifyWatchers()
    previous?.held.retire()
    this.#lookAtUse()
  }

  #lost(serving: Serving, problem: Problem): void {
    if (this.#serving !== serving) return
    this.#serving = null
    this.#failures.goesDown()
    const after = afterLoss(this.#shown, problem)
    if (!this.#isNeeded) this.#lostOnDemand(serving, problem)
    else if (this.state !== 'closed') this.#enter(after.state, after.problem)
    this.#notifyWatchers()
  }

  /** A server may end what nobody uses (UnusedConnectionTimeout of sshd_config(5)): that is no trouble. */
  #lostOnDemand({ held }: Serving, problem: Problem): void {
    const isUnused = held.unusedSinceMs !== null
    if (this.state !== 'closed') this.#enter('idle', isUnused ? null : problem)
    this.#servedGeneration = null
    if (isUnused) this.#turn.abort()
  }

  /** A loss is followed by a rest too: a server that drops us at once is not hammered. */
  async #rest(problem: Problem, signal: AbortSignal): Promise<void> {
    const after = this.#failures.failed(problem.code, this.#spec.reconnect)
    const delayMs = after.state === 'retrying' ? after.delayMs : undefined
    this.#isOwed = false
    this.#resting = { after, retryAt: delayMs === undefined ? null : new Date(Date.now() + delayMs), problem }
    this.#showRest(this.#resting)
    if (after.state !== 'retrying') this.#waiting.fail(this.#unavailable())
    this.#notifyWatchers()
    await aborted(signal, delayMs)
    this.#resting = null
    this.#retryAt = null
    if (!this.#isNeeded) this.#failures.forget()
  }

  /** While nobody waits for the next try it is idle, and no try comes. */
  #showRest({ after: { state }, retryAt, problem }: Rest): void {
    const isIdle = state === 'retrying' && !this.#isNeeded
    this.#retryAt = isIdle ? null : retryAt
    this.#become(isIdle ? 'idle' : state, problem)
  }

  #unavailable(): Problem {
    const summary = `The host ${this.#spec.name} is not connected`
    return this.problem ?? { code: 'HOST_TIMEOUT', summary }
  }

  #nextTurn(): void {
    this.#turn.abort()
    const isOnTheWay = this.#shown.next !== null || !this.#serving
    if (isOnTheWay && this.#isNeeded && !this.#end.signal.aborted) this.#become('opening')
  }

  #notifyWatchers(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }

  /** The host itself, with nothing on its way beside it. */
  #enter(state: State, problem: Problem | null): void {
    this.#show(entered(this.#shown, state, problem, new Date()))
  }

  /** What is on its way, which may be the host itself. `problem`: absent: as before. */
  #become(state: State, problem?: Problem): void {
    this.#show(became(this.#shown, state, problem, new Date()))
  }

  #show(shown: Shown): void {
    this.#shown = shown
    this.#onChange()
  }
}
