// A socket of this machine that listens for a forward. A port that somebody else holds is tried again until
// it is free; listeners that had to give way are opened again while the new one cannot.

import type { LocalListener, UnixSocketOptions } from '../forward/local-listener.ts'
import { listenLocal } from '../forward/local-listener.ts'
import { formatSocketAddress, type SocketAddress } from '../model/address.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { Endpoint } from '../plan/listeners.ts'
import {
  type Binding,
  type BindingOwner,
  type BindingState,
  closeAll,
  type GaveWay,
  restoreAll,
} from './binding.ts'

const retryMs = 1_000
/** Each try closes for a moment what gave way, so it comes seldom. */
const retryOverOthersMs = 30_000

export class LocalBinding implements Binding {
  readonly endpoint: Endpoint
  owner: BindingOwner
  state: BindingState = 'closed'
  problem: Problem | null = null
  readonly #address: SocketAddress
  readonly #socket: UnixSocketOptions
  readonly #gaveWay: readonly GaveWay[]
  #listener: LocalListener | null = null
  #timer: NodeJS.Timeout | undefined
  #turn: Promise<void> = Promise.resolve()

  constructor(
    endpoint: Endpoint & { local: SocketAddress },
    socket: UnixSocketOptions,
    owner: BindingOwner,
    gaveWay: readonly GaveWay[] = [],
  ) {
    this.endpoint = endpoint
    this.#address = endpoint.local
    this.#socket = socket
    this.owner = owner
    this.#gaveWay = gaveWay
  }

  get shown(): string | null {
    return this.#listener ? formatSocketAddress(this.#listener.address) : null
  }

  open(): Promise<void> {
    clearTimeout(this.#timer)
    this.#enter('opening', null)
    return this.#inTurn(() => this.#attempt())
  }

  close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#enter('closed', null)
    return this.#inTurn(async () => {
      const listener = this.#listener
      this.#listener = null
      await listener?.close()
    })
  }

  async #attempt(): Promise<void> {
    if (this.#isClosed() || this.#listener) return
    await closeAll(this.#gaveWay)
    try {
      const listener = await listenLocal(this.#address, this.#socket, (incoming) =>
        this.owner.handle(incoming),
      )
      listener.failed.addEventListener('abort', () => this.#gone(listener), { once: true })
      this.#listener = listener
      if (!this.#isClosed()) this.#enter('open', null)
    } catch (error) {
      await restoreAll(this.#gaveWay)
      this.#failed(problemOf(error))
    }
  }

  #gone(listener: LocalListener): void {
    if (this.#listener !== listener) return
    this.#listener = null
    this.#failed(problemOf(listener.failed.reason))
  }

  #failed(cause: Problem): void {
    if (this.#isClosed()) return
    const problem = { ...cause, summary: `The forward ${this.owner.name} does not listen: ${cause.summary}` }
    const heals = problem.code !== 'LISTEN_FORBIDDEN'
    this.#enter(heals ? 'retrying' : 'failed', problem)
    if (!heals) return
    const delayMs = this.#gaveWay.some(({ restore }) => restore) ? retryOverOthersMs : retryMs
    this.#timer = setTimeout(() => void this.#inTurn(() => this.#attempt()), delayMs)
  }

  #isClosed(): boolean {
    return this.state === 'closed'
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    this.#turn = this.#turn.then(work)
    return this.#turn
  }

  #enter(state: BindingState, problem: Problem | null): void {
    const changed = state !== this.state || problem?.code !== this.problem?.code
    this.state = state
    this.problem = problem
    if (changed) this.owner.bindingChanged()
  }
}
