// The listeners of one forward, and those of before a change, which stand in for them until all the new ones are open.

import { type Endpoint, overlaps } from '../plan/listeners.ts'
import type { Binding } from './binding.ts'

export class Listeners {
  readonly #own = new Map<string, Binding>()
  #standIns: Binding[] = []

  get own(): Binding[] {
    return [...this.#own.values()]
  }

  get hasStandIns(): boolean {
    return this.#standIns.length > 0
  }

  take(binding: Binding): void {
    this.#own.set(binding.endpoint.key, binding)
  }

  /** It may listen until every new listener of this forward is open. */
  keepUntilReplaced(binding: Binding): void {
    this.#standIns.push(binding)
  }

  /** Somebody else takes the listener over, or closes it. */
  giveUp(key: string): Binding | undefined {
    const binding = this.#own.get(key) ?? this.#standIns.find(({ endpoint }) => endpoint.key === key)
    if (this.#own.get(key) === binding) this.#own.delete(key)
    this.#standIns = this.#standIns.filter((candidate) => candidate !== binding)
    return binding
  }

  /** Of all of them. */
  keys(): string[] {
    return this.#all().map(({ endpoint }) => endpoint.key)
  }

  /** Those of before that cannot be open beside a new one. */
  standInsInTheWayOf(endpoint: Endpoint): Binding[] {
    return this.#standIns.filter((binding) => overlaps(binding.endpoint, endpoint))
  }

  /** To be called when one of them is in another state. */
  changed(): void {
    if (this.own.some(({ state }) => state !== 'open')) return
    const replaced = this.#standIns
    this.#standIns = []
    for (const binding of replaced) void binding.close()
  }

  /** Ports of this machine that are open on each of their addresses. */
  portsOpen(): Set<number> {
    const portsOf = (some: readonly Binding[]) =>
      some.flatMap(({ endpoint: { local } }) => (local?.kind === 'tcp' ? [local.port] : []))
    const waiting = portsOf(this.own.filter(({ state }) => state !== 'open'))
    return new Set(portsOf(this.own).filter((port) => !waiting.includes(port)))
  }

  /** What is really bound, by whichever of them. */
  shown(): string[] {
    return this.#all().flatMap((binding) => binding.shown ?? [])
  }

  /** Resolves when this machine's own sockets were tried once; never rejects. */
  async wake(isAsked: boolean): Promise<void> {
    await Promise.all(this.own.map((binding) => binding.wake(isAsked)))
  }

  /** Never rejects. */
  async close(): Promise<void> {
    await Promise.all(this.#all().map((binding) => binding.close()))
  }

  #all(): Binding[] {
    return [...this.#own.values(), ...this.#standIns]
  }
}
