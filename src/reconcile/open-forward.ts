// One forward that is open: its listeners, its traffic, and the host that it goes through. Owns them, and
// says in one word how it does.

import { isDeepStrictEqual } from 'node:util'
import type { Incoming } from '../forward/carrier.ts'
import type { ConnectionView } from '../forward/open-connection.ts'
import { createTraffic, type Traffic } from '../forward/traffic.ts'
import {
  formatHostPort,
  formatRemoteListen,
  formatSocketAddress,
  formatTarget,
  type SocketAddress,
} from '../model/address.ts'
import type { ConnectionNews } from '../model/connection.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { ConnectionStatus, ForwardStatus, State } from '../model/status.ts'
import type { WantedForward } from '../model/wanted.ts'
import { keptEndpoints } from '../plan/listeners.ts'
import type { ForwardChange } from '../plan/plan.ts'
import type { OpenConnection } from '../plan/snapshot.ts'
import type { BindingOwner } from './binding.ts'
import { type ForwardState, forwardState } from './forward-state.ts'
import { Health } from './health.ts'
import type { HostSlot } from './host-slot.ts'
import { HostWay } from './host-way.ts'
import { Listeners } from './listeners.ts'
import { aborted } from './until.ts'

/** Whether a socket of this machine is among those that somebody needs. */
export type Counts = (socket: SocketAddress) => boolean

export class OpenForward implements BindingOwner {
  readonly listeners = new Listeners()
  #spec: WantedForward
  readonly #way: HostWay
  #traffic: Traffic
  /** Left from before a reopen. */
  readonly #drainingTraffic = new Set<Traffic>()
  readonly #health = new Health(
    () => ({ spec: this.#spec, slot: this.#way.wanted }),
    () => this.#onChange(),
  )
  /** For the next change of state. */
  readonly #waiting = new Set<AbortController>()
  #isClosing = false
  #state: State = 'opening'
  #since = new Date()
  #troubleCode: string | null = null
  readonly #onChange: () => void
  readonly #onConnection: (name: string, news: ConnectionNews) => void

  constructor(
    spec: WantedForward,
    slot: HostSlot,
    onChange: () => void,
    onConnection: (name: string, news: ConnectionNews) => void,
  ) {
    this.#spec = spec
    this.#onChange = onChange
    this.#onConnection = onConnection
    this.#way = new HostWay(spec, slot, {
      onRoute: (route, change) => this.#traffic.setRoute(route, change),
      onReplaced: () => this.#health.stop(),
      onChange: () => this.#changed(),
    })
    this.#traffic = this.#createTraffic()
  }

  get name(): string {
    return this.#spec.name
  }

  get spec(): WantedForward {
    return this.#spec
  }

  handle(incoming: Incoming, through: string): void {
    this.#traffic.handle(incoming, through)
  }

  bindingChanged(): void {
    this.listeners.changed()
    this.#changed()
  }

  update(spec: WantedForward, slot: HostSlot, changed: readonly ForwardChange[]): void {
    const isSameCheck = isDeepStrictEqual(spec.healthcheck, this.#spec.healthcheck)
    if (!isSameCheck || changed.includes('route') || changed.includes('listen')) this.#health.stop()
    if (changed.includes('listen')) {
      const kept = keptEndpoints(this.#spec, spec)
      void this.#traffic.drain(this.#spec.drainMs, (through) => !kept.has(through))
    }
    this.#spec = spec
    this.#way.update(spec, slot, changed)
    this.#changed()
  }

  /** Another kind, or another address on the host: a new forward under the old name. */
  reopen(spec: WantedForward, slot: HostSlot): void {
    this.#health.stop()
    const previous = this.#traffic
    this.#drainingTraffic.add(previous)
    void previous.drain(this.#spec.drainMs).then(() => this.#drainingTraffic.delete(previous))
    this.#spec = spec
    this.#way.reopen(spec, slot)
    this.#traffic = this.#createTraffic()
    this.#changed()
  }

  /** Listeners at once, connections when they end or after `drainMs`. Resolves when nothing is left; never rejects. */
  async close(drainMs: number): Promise<void> {
    this.#isClosing = true
    this.#health.stop()
    this.#way.stopWaiting()
    const listeners = this.listeners.close()
    this.#changed()
    const traffic = [this.#traffic, ...this.#drainingTraffic].map((each) => each.drain(drainMs))
    await Promise.all([listeners, ...traffic])
    this.#way.stop()
  }

  /**
   * Sends a connection through, or makes the check that its healthcheck says: null when it passed. An idle host is woken,
   * one that retries is waited for until `signal` fires or its connect_timeout is over. Never rejects.
   */
  async probe(signal: AbortSignal, counts: Counts = () => true): Promise<Problem | null> {
    try {
      await this.#way.wanted.carrier(signal)
      await this.#untilTried(signal, counts)
      const { state, problem } = this.#currentState(counts)
      if (state !== 'open') return problem ?? this.#notOpen(state)
      await this.#health.now(signal, counts)
      return null
    } catch (error) {
      if (error instanceof ProblemError || !signal.aborted) return problemOf(error)
      const { state, problem } = this.#currentState(counts)
      return problem ?? this.#notOpen(state)
    }
  }

  openConnections(): OpenConnection[] {
    return this.#traffic.connections().filter((connection) => !connection.draining)
  }

  status({ connections = false } = {}): ForwardStatus {
    const spec = this.#spec
    const { active, draining, total, failed, refused } = this.#traffic.counts
    const { state, problem } = this.#currentState()
    return {
      name: spec.name,
      kind: spec.kind,
      via: spec.via,
      listen: this.#shownListeners(),
      to: formatTarget(spec.to),
      state,
      since: this.#since.toISOString(),
      health: this.#health.state,
      connections: {
        active,
        draining: [...this.#drainingTraffic].reduce((sum, { counts }) => sum + counts.draining, draining),
        total,
        failed,
        refused,
      },
      bytes: { ...this.#traffic.bytes },
      problem: problem ?? this.#health.problem ?? this.#traffic.problem,
      ...(spec.description !== null && { description: spec.description }),
      ...(connections && { openConnections: this.#connectionStatus() }),
    }
  }

  /** The oldest first, as they drain before the newer ones. */
  #connectionStatus(): ConnectionStatus[] {
    const traffic = [...this.#drainingTraffic, this.#traffic]
    return traffic.flatMap((each) => each.connections()).map(toConnectionStatus)
  }

  /** A remote listener has to be asked for, once its host is there. */
  async #untilTried(signal: AbortSignal, counts: Counts): Promise<void> {
    while (this.#currentState(counts).state === 'opening') {
      signal.throwIfAborted()
      const changed = new AbortController()
      this.#waiting.add(changed)
      await aborted(AbortSignal.any([signal, changed.signal]))
      this.#waiting.delete(changed)
    }
  }

  #notOpen(state: State): Problem {
    const { name, via } = this.#spec
    if (state === 'open')
      return { code: 'TARGET_TIMEOUT', summary: `Nothing has come through ${name} in time` }
    return { code: 'HOST_TIMEOUT', summary: `${name} is not open yet (${state}, via ${via})` }
  }

  #currentState(counts: Counts = () => true): ForwardState {
    if (this.#isClosing) return { state: 'draining', problem: null }
    const bindings = this.listeners.own.filter(({ endpoint: { local } }) => local === null || counts(local))
    const { state, problem } = forwardState(this.#way.wanted, bindings)
    const isOfListener = bindings.some((binding) => binding.problem === problem)
    const bound = this.listeners.shown()
    if (!problem || !isOfListener || bound.length === 0) return { state, problem }
    // It says what does not listen, while something does.
    const meanwhile = `Until then it listens on ${bound.join(' and ')}`
    return { state, problem: { ...problem, detail: [problem.detail, meanwhile].filter(Boolean).join('\n') } }
  }

  /** While a forward waits for its port, what it asked for is the better answer than nothing. */
  #shownListeners(): string[] {
    if (this.#isClosing) return []
    const bound = this.listeners.shown()
    if (bound.length > 0) return bound
    const { listen } = this.#spec
    return Array.isArray(listen) ? listen.map(formatSocketAddress) : [formatRemoteListen(listen)]
  }

  #createTraffic(): Traffic {
    const direction = this.#spec.kind === 'remote' ? 'remote' : 'local'
    return createTraffic(this.#way.route, {
      direction,
      onChange: () => this.#trafficChanged(),
      onConnection: (news) => this.#onConnection(this.name, news),
    })
  }

  /** Counts change all the time and are asked for when somebody looks; a new problem is news. */
  #trafficChanged(): void {
    const code = this.#traffic.problem?.code ?? null
    if (code === this.#troubleCode) return
    this.#troubleCode = code
    this.#onChange()
  }

  #changed(): void {
    const { state } = this.#currentState()
    if (state !== this.#state) this.#since = new Date()
    this.#state = state
    this.#health.look(state === 'open')
    for (const waiting of this.#waiting) waiting.abort()
    this.#onChange()
  }
}

/** Who the client is, its address tells whoever asks on this machine. */
function toConnectionStatus({ from, target, since, bytes, draining }: ConnectionView): ConnectionStatus {
  return {
    from: from.address === null ? null : formatHostPort(from.address, from.port),
    process: null,
    to: target && formatTarget(target),
    since,
    bytes,
    draining,
  }
}
