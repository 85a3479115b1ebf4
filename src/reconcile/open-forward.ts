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
import { type Endpoint, keptEndpoints, overlaps } from '../plan/listeners.ts'
import type { ForwardChange } from '../plan/plan.ts'
import type { OpenConnection } from '../plan/snapshot.ts'
import type { Binding, BindingOwner } from './binding.ts'
import { type ForwardState, forwardState } from './forward-state.ts'
import { Health } from './health.ts'
import type { HeldCarrier } from './held-carrier.ts'
import type { HostSlot } from './host-slot.ts'
import { routeOf } from './route.ts'
import { aborted } from './until.ts'

/** Whether a socket of this machine is among those that somebody needs. */
export type Counts = (socket: SocketAddress) => boolean

export class OpenForward implements BindingOwner {
  readonly bindings = new Map<string, Binding>()
  #spec: WantedForward
  #slot: HostSlot
  #traffic: Traffic
  /** Left from before a reopen. */
  readonly #drainingTraffic = new Set<Traffic>()
  /** Listeners of before a change, which serve until all the new ones do. */
  #predecessors: Binding[] = []
  /** What the spec says of the way of new connections, except while its host is waited for. */
  #routed: WantedForward
  /** Where new connections will go once it is open: what the spec says, so it decides our state. */
  #next: { slot: HostSlot; changed: readonly ForwardChange[]; stopWaiting: () => void } | null = null
  /** That of the host when we last looked. */
  #carrier: HeldCarrier | null
  #stopWatchingHost: () => void
  readonly #health = new Health(
    () => ({ spec: this.#spec, slot: this.#wantedSlot }),
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
    this.#routed = spec
    this.#slot = slot
    this.#onChange = onChange
    this.#onConnection = onConnection
    this.#traffic = this.#createTraffic()
    this.#carrier = slot.current
    this.#stopWatchingHost = slot.watch(() => this.#hostChanged())
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
    if ([...this.bindings.values()].every((binding) => binding.state === 'open'))
      void this.#closePredecessors()
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
    const due = [...new Set([...(this.#next?.changed ?? []), ...changed])]
    // What serves while one wait takes over from another may have no other user.
    const letGo = this.#slot.current?.hold()
    this.#stopWaitingForHost()
    if (slot === this.#slot) this.#setRoute(spec, due)
    else this.#moveTo(slot, due)
    letGo?.()
    this.#changed()
  }

  /** Another kind, or another address on the host: a new forward under the old name. */
  reopen(spec: WantedForward, slot: HostSlot): void {
    this.#health.stop()
    const previous = this.#traffic
    this.#drainingTraffic.add(previous)
    void previous.drain(this.#spec.drainMs).then(() => this.#drainingTraffic.delete(previous))
    this.#spec = spec
    this.#routed = spec
    this.#stopWaitingForHost()
    this.#watchHost(slot)
    this.#traffic = this.#createTraffic()
    this.#changed()
  }

  /** It may listen until every new listener of this forward is open. */
  keepUntilReplaced(binding: Binding): void {
    this.#predecessors.push(binding)
  }

  /** Of its listeners, those included that only stand in for others. */
  keys(): string[] {
    return [...this.bindings.keys(), ...this.#predecessors.map(({ endpoint }) => endpoint.key)]
  }

  get hasStandIns(): boolean {
    return this.#predecessors.length > 0
  }

  /** Listeners of before that cannot be open beside a new one. */
  predecessorsInTheWayOf(endpoint: Endpoint): Binding[] {
    return this.#predecessors.filter((binding) => overlaps(binding.endpoint, endpoint))
  }

  /** Somebody else takes the listener over. */
  giveUp(key: string): Binding | undefined {
    const binding = this.bindings.get(key) ?? this.#predecessors.find(({ endpoint }) => endpoint.key === key)
    if (this.bindings.get(key) === binding) this.bindings.delete(key)
    this.#predecessors = this.#predecessors.filter((candidate) => candidate !== binding)
    return binding
  }

  /** Listeners at once, connections when they end or after `drainMs`. Resolves when nothing is left; never rejects. */
  async close(drainMs: number): Promise<void> {
    this.#isClosing = true
    this.#health.stop()
    this.#stopWaitingForHost()
    const listeners = [...this.bindings.values(), ...this.#predecessors].map((binding) => binding.close())
    this.#changed()
    const traffic = [this.#traffic, ...this.#drainingTraffic].map((each) => each.drain(drainMs))
    await Promise.all([...listeners, ...traffic])
    this.#stopWatchingHost()
  }

  /** Tries again what rests. Resolves when this machine's own sockets were tried once. */
  async wake(isAsked: boolean): Promise<void> {
    await Promise.all([...this.bindings.values()].map((binding) => binding.wake(isAsked)))
  }

  /**
   * Sends a connection through, or makes the check that its healthcheck says: null when it passed. An idle host is woken,
   * one that retries is waited for until `signal` fires or its connect_timeout is over. Never rejects.
   */
  async probe(signal: AbortSignal, counts: Counts = () => true): Promise<Problem | null> {
    try {
      await this.#wantedSlot.carrier(signal)
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

  portsOpen(): Set<number> {
    const bindings = [...this.bindings.values()]
    const portsOf = (some: readonly Binding[]) =>
      some.flatMap(({ endpoint: { local } }) => (local?.kind === 'tcp' ? [local.port] : []))
    const waiting = portsOf(bindings.filter(({ state }) => state !== 'open'))
    return new Set(portsOf(bindings).filter((port) => !waiting.includes(port)))
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

  /** Where new connections go, or will. */
  get #wantedSlot(): HostSlot {
    return this.#next?.slot ?? this.#slot
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
    const bindings = [...this.bindings.values()].filter(
      ({ endpoint: { local } }) => local === null || counts(local),
    )
    const { state, problem } = forwardState(this.#wantedSlot, bindings)
    const isOfListener = bindings.some((binding) => binding.problem === problem)
    const bound = this.#boundListeners()
    if (!problem || !isOfListener || bound.length === 0) return { state, problem }
    // It says what does not listen, while something does.
    const meanwhile = `Until then it listens on ${bound.join(' and ')}`
    return { state, problem: { ...problem, detail: [problem.detail, meanwhile].filter(Boolean).join('\n') } }
  }

  /** While a forward waits for its port, what it asked for is the better answer than nothing. */
  #shownListeners(): string[] {
    if (this.#isClosing) return []
    const bound = this.#boundListeners()
    if (bound.length > 0) return bound
    const { listen } = this.#spec
    return Array.isArray(listen) ? listen.map(formatSocketAddress) : [formatRemoteListen(listen)]
  }

  #boundListeners(): string[] {
    const bindings = [...this.bindings.values(), ...this.#predecessors]
    return bindings.flatMap((binding) => binding.shown ?? [])
  }

  #setRoute(spec: WantedForward, changed: readonly ForwardChange[]): void {
    this.#routed = spec
    const route = routeOf(spec, this.#slot)
    for (const change of changed) if (change !== 'listen') this.#traffic.setRoute(route, change)
  }

  /** New connections go the new way once its host is open or idle, or when the old one can carry them no more. */
  #moveTo(slot: HostSlot, changed: readonly ForwardChange[]): void {
    const letGo = this.#slot.current?.hold()
    const move = () => {
      if (!slot.current && slot.state !== 'idle' && this.#slot.current) return
      this.#stopWaitingForHost()
      this.#watchHost(slot)
      this.#setRoute(this.#spec, changed)
      this.#changed()
    }
    const stops = [slot.watch(move), this.#slot.watch(move)]
    const stopWaiting = () => {
      for (const stop of stops) stop()
      letGo?.()
    }
    this.#next = { slot, changed, stopWaiting }
    this.#setRoute(
      onTheWayOf(this.#routed, this.#spec),
      changed.filter((change) => change !== 'route'),
    )
    move()
  }

  #stopWaitingForHost(): void {
    this.#next?.stopWaiting()
    this.#next = null
  }

  #watchHost(slot: HostSlot): void {
    this.#stopWatchingHost()
    this.#slot = slot
    this.#carrier = slot.current
    this.#stopWatchingHost = slot.watch(() => this.#hostChanged())
  }

  /** What goes through a connection that was replaced while it lived has the drain's time to finish. */
  #hostChanged(): void {
    const previous = this.#carrier
    this.#carrier = this.#slot.current
    const isReplaced = previous !== null && previous !== this.#carrier && !previous.carrier.closed.aborted
    if (isReplaced) {
      this.#health.stop()
      this.#traffic.setRoute(routeOf(this.#routed, this.#slot), 'route')
    }
    this.#changed()
  }

  async #closePredecessors(): Promise<void> {
    const predecessors = this.#predecessors
    this.#predecessors = []
    await Promise.all(predecessors.map((binding) => binding.close()))
  }

  #createTraffic(): Traffic {
    const direction = this.#spec.kind === 'remote' ? 'remote' : 'local'
    return createTraffic(routeOf(this.#spec, this.#slot), {
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

/** Who may come, and how many, waits for no host. */
function onTheWayOf({ to, auth, hostHeader }: WantedForward, spec: WantedForward): WantedForward {
  return { ...spec, to, auth, hostHeader }
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
