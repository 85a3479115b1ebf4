// The register of what is open: hosts, and forwards with their listeners. It changes only by a Plan, which carry-out.ts
// carries out; nothing here decides, or waits for a network.

import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import type { ConnectionNews } from '../model/connection.ts'
import type { Problem } from '../model/problem.ts'
import type { ForwardStatus, HostStatus } from '../model/status.ts'
import type { Wanted, WantedForward, WantedHost } from '../model/wanted.ts'
import type { Plan } from '../plan/plan.ts'
import type { Snapshot } from '../plan/snapshot.ts'
import type { Connect } from './attempt.ts'
import { carryOut, type Register } from './carry-out.ts'
import { HostSlot } from './host-slot.ts'
import { type Counts, OpenForward } from './open-forward.ts'
import { Prompts } from './prompts.ts'

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
    const register: Register = {
      hosts: this.#hosts,
      forwards: this.#forwards,
      openHost: (host, jump) => this.#openHost(host, jump),
      openForward: (forward, host) => this.#openForward(forward, host),
      closeForward: (forward, ms) => this.#closeForward(forward, ms),
      closeHost: (host) => this.#closeHost(host),
    }
    await carryOut(plan, wanted, register, drainMs)
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

  #openHost(host: WantedHost, jump: HostSlot | null): void {
    const surroundings = { connect: this.#connect, onChange: this.#onChange, prompts: this.prompts }
    this.#hosts.set(host.name, new HostSlot(host, jump, surroundings))
  }

  #openForward(forward: WantedForward, host: HostSlot): void {
    this.#forwards.set(forward.name, new OpenForward(forward, host, this.#onChange, this.#onConnection))
  }

  #closeForward(forward: OpenForward, drainMs = forward.spec.drainMs): void {
    this.#forwards.delete(forward.name)
    this.#leaving.add(forward)
    void forward.close(drainMs).then(() => {
      this.#leaving.delete(forward)
      this.#onChange()
    })
  }

  #closeHost(host: HostSlot): void {
    host.retire(false)
    this.#hosts.delete(host.spec.name)
  }
}

async function untilGone({ current }: HostSlot): Promise<void> {
  if (current && !current.carrier.closed.aborted) await once(current.carrier.closed, 'abort')
}
