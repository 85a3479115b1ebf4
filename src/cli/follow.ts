// Watches what becomes of the hosts and forwards after an `up`, whoever runs them: shows the first outcome of
// each as progress, everything later as events, puts what hosts ask to the person at the terminal, and knows when
// nothing is left to hope for.

import type { AnswerRequest, Event } from '../control/protocol.ts'
import type { ForwardStatus, Status } from '../model/status.ts'
import { formatEvent } from '../view/event.ts'
import { formatJson } from '../view/json.ts'
import { isSettled, openProgress, type Progress } from '../view/progress.ts'
import type { Invocation } from './invocation.ts'
import { type LiveStatus, openLiveStatus, type Steerable } from './live-status.ts'
import { canAsk, Questions } from './questions.ts'

export interface Followed {
  /** To be called with each event, in order. */
  see(event: Event): void
  /** Resolves when each host and forward has come to something, good or bad. */
  readonly settled: Promise<Status>
  /** Resolves when there are forwards and each has failed, or waits for a person who is not there. */
  readonly hopeless: Promise<Status>
  /** A person is thinking about an answer. */
  readonly isAsking: boolean
  /** Stops showing and asking; what is still opening stays as it is. */
  stop(): Promise<void>
}

/** Whoever supervises, here or at the other end of the control socket. */
export interface Followable {
  status(): Status | Promise<Status>
  answer(request: AnswerRequest): Promise<void>
}

export interface FollowOptions {
  /** Forwards or hosts whose outcome matters; null: all. */
  names: readonly string[] | null
  events: 'lines' | 'json' | 'none'
  /** Events begin with what is the case already, for who was not there when it came about. */
  tellPresent: boolean
  progress: boolean
  /** What it comes to is shown live on the screen, in the place of event lines; null: there is none. */
  live: { control: Steerable; leaving: string } | null
}

/** How `up` in the foreground shows what happens. */
export function foregroundView(
  { options, terminal }: Invocation,
  tellPresent: boolean,
  live: FollowOptions['live'],
): FollowOptions {
  if (options.json) return { names: null, events: 'json', progress: false, tellPresent, live: null }
  const isLive = terminal.screen !== null && terminal.isLive
  const progress = !options.quiet
  return { names: null, events: 'lines', progress, tellPresent: false, live: isLive ? live : null }
}

/** When `control` gives no status any more, it stays what it was. Who can be asked is, with {@link canAsk}. */
export async function follow(
  invocation: Invocation,
  control: Followable,
  options: FollowOptions,
): Promise<Followed> {
  const following = new Following(invocation, control, options)
  await following.begin()
  return following
}

/** Ages and bytes grow without an event. */
const TICK_MS = 1_000

class Following implements Followed {
  readonly settled: Promise<Status>
  readonly hopeless: Promise<Status>
  readonly #invocation: Invocation
  readonly #control: Followable
  readonly #questions: Questions | null
  readonly #options: FollowOptions
  #settle!: (status: Status) => void
  #despair!: (status: Status) => void
  #progress: Progress | null = null
  #live: LiveStatus | null = null
  #ticking: NodeJS.Timeout | undefined
  #later: Event[] | null = []
  /** While the terminal belongs to a question. */
  #held: Event[] | null = null
  #stopping: Promise<void> | null = null
  #isLooking = false
  #isLookDue = false
  #isOver = false

  constructor(invocation: Invocation, control: Followable, options: FollowOptions) {
    this.#invocation = invocation
    this.#control = control
    this.#questions = canAsk(invocation)
      ? new Questions(invocation, {
          answer: (request) => control.answer(request),
          takeTerminal: () => this.#hold(),
          giveTerminalBack: () => this.#release(),
        })
      : null
    this.#options = options
    this.settled = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.hopeless = new Promise((resolve) => {
      this.#despair = resolve
    })
  }

  async begin(): Promise<void> {
    const first = await this.#control.status()
    const { tellPresent, progress } = this.#options
    if (tellPresent) for (const event of eventsOf(first)) this.#showEvent(event)
    if (progress) {
      const { stderr, isLive, color } = this.#invocation.terminal
      this.#progress = await openProgress({ stream: stderr, interactive: isLive, color: color.err }, first)
    }
    await this.#judge(await this.#control.status())
  }

  get isAsking(): boolean {
    return this.#questions?.isAsking ?? false
  }

  see(event: Event): void {
    // There may be thousands, and status has them counted: a script gets each, nobody else, and none is worth a look.
    if (event.event === 'connection') {
      if (this.#options.events === 'json') this.#showEvent(event)
      return
    }
    if (this.#options.events === 'json' || !this.#later) this.#showEvent(event)
    // The progress lines tell the first outcomes; what else happens is told after them.
    else if (event.event !== 'state') this.#later.push(event)
    void this.#lookAgain()
  }

  async stop(): Promise<void> {
    this.#isOver = true
    await this.#questions?.stop()
    await this.#stopProgress()
    clearInterval(this.#ticking)
    this.#live?.stop()
  }

  #stopProgress(): Promise<void> {
    this.#stopping ??= this.#endProgress()
    return this.#stopping
  }

  async #endProgress(): Promise<void> {
    await this.#progress?.finish()
    for (const event of this.#later ?? []) this.#showEvent(event)
    this.#later = null
  }

  /** Many events make one look; the last one is never missed. */
  async #lookAgain(): Promise<void> {
    this.#isLookDue = true
    if (this.#isLooking) return
    this.#isLooking = true
    while (this.#isLookDue) {
      this.#isLookDue = false
      const status = await Promise.resolve(this.#control.status()).catch(() => null)
      if (status) await this.#judge(status)
    }
    this.#isLooking = false
  }

  async #judge(status: Status): Promise<void> {
    this.#progress?.update(status)
    this.#questions?.update(status.hosts.flatMap(({ prompt }) => prompt ?? []))
    const forwards = forwardsMeant(status, this.#options.names)
    const rows = [...status.hosts.filter(({ name }) => forwards.some(({ via }) => via === name)), ...forwards]
    const { hasPerson } = this.#invocation.terminal
    const isHopeless = forwards.length > 0 && forwards.every((row) => isLost(row, status, hasPerson))
    if (rows.every((row) => isSettled(row, status))) {
      await this.#stopProgress()
      this.#settle(status)
      if (!isHopeless) this.#goLive(status)
    }
    this.#live?.show(status)
    if (isHopeless) this.#despair(status)
  }

  #goLive(status: Status): void {
    const { live } = this.#options
    if (!live || this.#live || this.#isOver) return
    this.#live = openLiveStatus(this.#invocation, live.control, { status, leaving: live.leaving })
    if (this.#held) this.#live.pause()
    this.#ticking = setInterval(() => void this.#lookAgain(), TICK_MS)
  }

  async #hold(): Promise<void> {
    this.#held = []
    this.#live?.pause()
    await this.#progress?.pause()
  }

  async #release(): Promise<void> {
    if (!this.#stopping) await this.#progress?.resume()
    this.#live?.resume()
    const held = this.#held ?? []
    this.#held = null
    for (const event of held) this.#showEvent(event)
  }

  #showEvent(event: Event): void {
    const { terminal } = this.#invocation
    // The live status has it from the log, and who saw that end knows what is closed.
    if (this.#options.events === 'none' || this.#live || (this.#isOver && this.#options.live)) return
    if (this.#held) return void this.#held.push(event)
    // Who is asked need not be told so.
    if (this.#questions && event.event === 'prompt') return
    if (this.#options.events === 'json') return terminal.print(`${formatJson(event)}\n`)
    for (const line of formatEvent(event, { color: terminal.color.err })) terminal.note(line)
  }
}

/** Named by themselves or by their host; those that go are nobody's business any more. */
export function forwardsMeant(status: Status, names: readonly string[] | null): ForwardStatus[] {
  const staying = status.forwards.filter(({ state }) => state !== 'draining' && state !== 'closed')
  return names ? staying.filter(({ name, via }) => names.includes(name) || names.includes(via)) : staying
}

/** It comes up by nobody's doing who is there. */
export function isLost(row: ForwardStatus, status: Status, hasPerson: boolean): boolean {
  return row.state === 'failed' || (row.state === 'waiting' && !hasPerson && isSettled(row, status))
}

/** The present, told as events, for who comes after it began. */
export function eventsOf(status: Status): Event[] {
  const time = new Date().toISOString()
  const tell = (what: 'host' | 'forward') => (row: Status['hosts'][number] | ForwardStatus) => {
    const { name, state, problem } = row
    const health = 'health' in row && row.health !== 'unknown' ? { health: row.health } : {}
    return { time, event: 'state' as const, what, name, state, ...health, problem }
  }
  return [...status.hosts.map(tell('host')), ...status.forwards.map(tell('forward'))]
}
