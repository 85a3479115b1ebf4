// Starts what a Plan says and decides nothing. Holds the register of what is open: hosts, forwards, and who
// owns which listener. Nothing here waits for a network.

import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConnectionNews } from '../model/connection.ts'
import type { Problem } from '../model/problem.ts'
import type { ForwardStatus, HostStatus } from '../model/status.ts'
import type { Wanted } from '../model/wanted.ts'
import { type Endpoint, endpointsOf } from '../plan/listeners.ts'
import type { Plan, Step } from '../plan/plan.ts'
import type { Snapshot } from '../plan/snapshot.ts'
import type { Connect } from './attempt.ts'
import type { Binding, GaveWay } from './binding.ts'
import { HostSlot } from './host-slot.ts'
import { LocalBinding } from './local-binding.ts'
import { type Counts, OpenForward } from './open-forward.ts'
import { Prompts } from './prompts.ts'
import { RemoteBinding } from './remote-binding.ts'

/** How long `close` waits for hosts to confirm that they no longer listen, and have passed on what they had. */
const cancelMs = 2_000

export class Reconciler {
  readonly #hosts = new Map<string, HostSlot>()
  readonly #forwards = new Map<string, OpenForward>()
  /** Removed, with connections that drain. */
  readonly #leaving = new Set<OpenForward>()
  /** What its hosts ask, and who is there to be asked. */
  readonly prompts = new Prompts()
  readonly #connect: Connect
  readonly #onChange: () => void
  readonly #onConnection: (forward: string, news: ConnectionNews) => void

  /**
   * `onChange`: some state may have changed. `onConnection`: what became of one connection. Both are called at any
   * time, also during a call.
   */
  constructor(
    connect: Connect,
    onChange: () => void,
    onConnection: (forward: string, news: ConnectionNews) => void = () => {},
  ) {
    this.#connect = connect
    this.#onChange = onChange
    this.#onConnection = onConnection
  }

  snapshot(): Snapshot {
    const forwards = [...this.#forwards.values()]
    return {
      hosts: new Map([...this.#hosts].map(([name, slot]) => [name, slot.spec])),
      forwards: new Map(
        forwards.map((forward) => [forward.name, { spec: forward.spec, open: forward.openConnections() }]),
      ),
    }
  }

  /**
   * Resolves when everything has been started and this machine's own sockets were tried once. Never rejects.
   * `drainMs`: for what this plan closes, instead of each forward's own.
   */
  async apply(plan: Plan, wanted: Wanted, drainMs?: number): Promise<void> {
    const endpoints = [...wanted.forwards.values()].flatMap((forward) => endpointsOf(forward, wanted.hosts))
    const run: Run = {
      endpoints: new Map(endpoints.map((endpoint) => [endpoint.key, endpoint])),
      replaced: new Set(plan.steps.flatMap(getsListener)),
      owners: this.#owners(),
      standIns: new Set([...this.#forwards.values()].filter((forward) => forward.listeners.hasStandIns)),
      gaveWay: new Map(),
      drainMs,
      opening: [],
    }
    for (const step of plan.steps) this.#start(step, run)
    await Promise.all(run.opening)
    for (const forward of this.#forwards.values()) forward.bindingChanged()
  }

  /**
   * Tries again now whatever rests of these forwards, and the hosts that they need. `isAsked`: by somebody, not by a
   * look at the files. Resolves when this machine's own sockets were tried once; never rejects.
   */
  async wake(names: Iterable<string>, isAsked: boolean): Promise<void> {
    const opening: Promise<void>[] = []
    for (const name of names) {
      const forward = this.#forwards.get(name)
      if (!forward) continue
      opening.push(forward.listeners.wake(isAsked))
      for (let slot = this.#hosts.get(forward.spec.via); slot; ) {
        slot.wake()
        slot = slot.spec.jump === null ? undefined : this.#hosts.get(slot.spec.jump)
      }
    }
    await Promise.all(opening)
  }

  /** See {@link OpenForward.probe}; undefined where no forward of that name is open or on its way. */
  probe(name: string, signal: AbortSignal, counts?: Counts): Promise<Problem | null> | undefined {
    return this.#forwards.get(name)?.probe(signal, counts)
  }

  /** By forward, the ports of this machine on which it listens, on each address that it should. */
  portsOpen(): Map<string, Set<number>> {
    return new Map(
      [...this.#forwards.values()].map((forward) => [forward.name, forward.listeners.portsOpen()]),
    )
  }

  /** Tries a host again now, if it rests; false when it does not. */
  wakeHost(name: string): boolean {
    return this.#hosts.get(name)?.wake() ?? false
  }

  /** This machine slept, or its network is another. */
  surroundingsChanged(): void {
    for (const slot of this.#hosts.values()) slot.surroundingsChanged()
  }

  hosts(): HostStatus[] {
    return [...this.#hosts.values()].map((slot) => slot.status())
  }

  forwards({ connections = false } = {}): ForwardStatus[] {
    return [...this.#forwards.values(), ...this.#leaving].map((forward) => forward.status({ connections }))
  }

  /** Listeners at once, connections when they end or after `drainMs`, then the hosts. Never rejects. */
  async close(drainMs: number): Promise<void> {
    const forwards = [...this.#forwards.values(), ...this.#leaving]
    const closed = Promise.all(forwards.map((forward) => forward.close(drainMs)))
    await Promise.race([closed, delay(drainMs + cancelMs, undefined, { ref: false })])
    const slots = [...this.#hosts.values()]
    for (const slot of slots) slot.retire(false)
    await Promise.race([Promise.all(slots.map(untilGone)), delay(cancelMs, undefined, { ref: false })])
    for (const slot of slots) slot.retire(true)
    await Promise.race([closed, delay(cancelMs, undefined, { ref: false })])
    // What gave way may have been given back by an attempt that was under way.
    const again = Promise.all(forwards.map((forward) => forward.close(0)))
    await Promise.race([again, delay(cancelMs, undefined, { ref: false })])
    this.#forwards.clear()
    this.#hosts.clear()
  }

  #start(step: Step, run: Run): void {
    switch (step.do) {
      case 'open-host':
        this.#hosts.set(
          step.host.name,
          new HostSlot(step.host, this.#jumpOf(step.host.jump), {
            connect: this.#connect,
            onChange: this.#onChange,
            prompts: this.prompts,
          }),
        )
        return
      case 'update-host':
        return this.#host(step.host.name).update(step.host)
      case 'reopen-host':
        return this.#host(step.host.name).reopen(step.host, this.#jumpOf(step.host.jump))
      case 'yield-listener':
        return this.#yieldListener(step, run)
      case 'open-forward':
        this.#forwards.set(
          step.forward.name,
          new OpenForward(step.forward, this.#host(step.forward.via), this.#onChange, this.#onConnection),
        )
        return
      case 'update-forward':
        return this.#forward(step.forward.name).update(
          step.forward,
          this.#host(step.forward.via),
          step.changed,
        )
      case 'reopen-forward':
        return this.#forward(step.forward.name).reopen(step.forward, this.#host(step.forward.via))
      case 'hand-over-listener':
      case 'open-listener':
        return this.#openListener(step.key, step.forward, run)
      case 'close-listener':
        return this.#closeListener(step, run)
      case 'close-forward':
        return this.#closeForward(step.name, run)
      case 'close-host':
        this.#host(step.name).retire(false)
        this.#hosts.delete(step.name)
        return
    }
  }

  #yieldListener(step: Extract<Step, { do: 'yield-listener' }>, run: Run): void {
    const owner = run.owners.get(step.key)
    const binding = owner?.listeners.giveUp(step.key)
    if (!owner || !binding) return
    if (step.restore) keepUntilReplaced(owner, binding, run)
    const others = run.gaveWay.get(step.to) ?? []
    run.gaveWay.set(step.to, [...others, { binding, restore: step.restore }])
  }

  /** One that listens already, for whatever reason, is taken over and never closes. */
  #openListener(key: string, name: string, run: Run): void {
    const forward = this.#forward(name)
    const existing = run.owners.get(key)?.listeners.giveUp(key)
    const binding = existing ?? this.#createBinding(run.endpoints.get(key)!, forward, run)
    binding.owner = forward
    forward.listeners.take(binding)
    run.owners.set(key, forward)
    if (!existing) run.opening.push(binding.open())
  }

  #createBinding(endpoint: Endpoint, forward: OpenForward, run: Run): Binding {
    const gaveWay = [...(run.gaveWay.get(endpoint.key) ?? []), ...clearTheWay(endpoint, forward, run)]
    const { spec } = forward
    if (spec.kind === 'remote')
      return new RemoteBinding(endpoint, spec, this.#host(spec.via), forward, gaveWay)
    return new LocalBinding({ ...endpoint, local: endpoint.local! }, spec.socket, forward, gaveWay)
  }

  /** A listener whose forward gets others instead serves until they are open; one that is only too many, no longer. */
  #closeListener(step: Extract<Step, { do: 'close-listener' }>, run: Run): void {
    const owner = this.#forwards.get(step.forward)
    const binding = owner?.listeners.giveUp(step.key)
    if (!owner || !binding) return
    if (run.replaced.has(step.forward)) keepUntilReplaced(owner, binding, run)
    else void binding.close()
  }

  #closeForward(name: string, run: Run): void {
    const forward = this.#forward(name)
    this.#forwards.delete(name)
    this.#leaving.add(forward)
    void forward.close(run.drainMs ?? forward.spec.drainMs).then(() => {
      this.#leaving.delete(forward)
      this.#onChange()
    })
  }

  /** Who has which listener, whether it is theirs or only stands in for others. */
  #owners(): Map<string, OpenForward> {
    const forwards = [...this.#forwards.values()]
    return new Map(
      forwards.flatMap((forward) => forward.listeners.keys().map((key) => [key, forward] as const)),
    )
  }

  #jumpOf(name: string | null): HostSlot | null {
    return name === null ? null : this.#host(name)
  }

  #host(name: string): HostSlot {
    return present(this.#hosts.get(name), `host ${name}`)
  }

  #forward(name: string): OpenForward {
    return present(this.#forwards.get(name), `forward ${name}`)
  }
}

/** What one application of a plan has to remember from step to step. */
interface Run {
  endpoints: ReadonlyMap<string, Endpoint>
  /** Forwards that get listeners which they did not have. */
  replaced: ReadonlySet<string>
  /** Of each listener that there is, new ones included; one that its owner gave up may still stand here. */
  owners: Map<string, OpenForward>
  /** Those with listeners that only stand in for others. */
  standIns: Set<OpenForward>
  gaveWay: Map<string, GaveWay[]>
  drainMs: number | undefined
  opening: Promise<void>[]
}

function getsListener(step: Step): string[] {
  return step.do === 'open-listener' || step.do === 'hand-over-listener' ? [step.forward] : []
}

function keepUntilReplaced(owner: OpenForward, binding: Binding, run: Run): void {
  owner.listeners.keepUntilReplaced(binding)
  run.standIns.add(owner)
}

/** Listeners that only stand in for others are in no snapshot, so no plan tells them to yield. */
function clearTheWay(endpoint: Endpoint, forward: OpenForward, run: Run): GaveWay[] {
  return [...run.standIns].flatMap((other) =>
    other.listeners.standInsInTheWayOf(endpoint).map((binding) => {
      const restore = other === forward
      if (!restore) other.listeners.giveUp(binding.endpoint.key)
      return { binding, restore }
    }),
  )
}

async function untilGone({ current }: HostSlot): Promise<void> {
  if (current && !current.carrier.closed.aborted) await once(current.carrier.closed, 'abort')
}

/** A plan is made from this register's own snapshot, so what it names is there. */
function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`a plan names a ${what} that is not open`)
  return value
}
