// One thing that listens for a forward, and keeps trying to. Which forward that is may change while it
// listens: connections go to whoever owns it when they arrive.

import type { Incoming } from '../forward/carrier.ts'
import type { Problem } from '../model/problem.ts'
import type { Endpoint } from '../plan/listeners.ts'

export type BindingState = 'opening' | 'open' | 'retrying' | 'failed' | 'closed'

export interface Binding {
  readonly endpoint: Endpoint
  readonly state: BindingState
  readonly problem: Problem | null
  /** What is really bound, as status shows it; null before. */
  readonly shown: string | null
  owner: BindingOwner
  /** Starts to listen and goes on trying. Resolves after the first attempt on this machine; never rejects. */
  open(): Promise<void>
  /**
   * Tries again now, as `open`, unless it listens. A try that takes away for a moment what serves in its place is made
   * only where somebody asked for it.
   */
  wake(isAsked: boolean): Promise<void>
  /** Stops listening and trying; open connections live on. It can be opened again. Never rejects. */
  close(): Promise<void>
}

/** What a binding is, whatever it listens on: it does one thing at a time, and its owner hears of each change. */
export abstract class OwnedBinding implements Binding {
  readonly endpoint: Endpoint
  owner: BindingOwner
  state: BindingState = 'closed'
  problem: Problem | null = null
  #turn: Promise<void> = Promise.resolve()

  constructor(endpoint: Endpoint, owner: BindingOwner) {
    this.endpoint = endpoint
    this.owner = owner
  }

  abstract get shown(): string | null
  abstract open(): Promise<void>
  /** Something serves in its place, which each try interrupts. */
  protected abstract get disturbs(): boolean
  abstract close(): Promise<void>

  async wake(isAsked: boolean): Promise<void> {
    const waitsItsTurn = !isAsked && this.state === 'retrying' && this.disturbs
    if (this.state !== 'open' && !waitsItsTurn) await this.open()
  }

  /** It may become so while something is awaited. */
  protected isClosed(): boolean {
    return this.state === 'closed'
  }

  /** `work` never rejects. */
  protected inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work)
    return this.#turn
  }

  protected enter(state: BindingState, problem: Problem | null): void {
    const changed = state !== this.state || problem?.code !== this.problem?.code
    this.state = state
    this.problem = problem
    if (changed) this.owner.bindingChanged()
  }
}

export interface BindingOwner {
  /** The forward's name. */
  readonly name: string
  /** `through`: the key of the endpoint that it came to. */
  handle(incoming: Incoming, through: string): void
  /** Something about the binding's state changed. */
  bindingChanged(): void
}

/** A listener that cannot be open beside a new one; `restore`: it is opened again while the new one cannot. */
export interface GaveWay {
  binding: Binding
  restore: boolean
}

export async function closeAll(gaveWay: readonly GaveWay[]): Promise<void> {
  await Promise.all(gaveWay.map(({ binding }) => binding.close()))
}

export async function restoreAll(gaveWay: readonly GaveWay[]): Promise<void> {
  await Promise.all(gaveWay.map(({ binding, restore }) => (restore ? binding.open() : undefined)))
}
