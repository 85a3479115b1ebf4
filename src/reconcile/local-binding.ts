// A socket of this machine that listens for a forward. A port that somebody else holds is tried again until
// it is free; listeners that had to give way are opened again while the new one cannot.

import type { LocalListener, UnixSocketOptions } from '../forward/local-listener.ts'
import { listenLocal } from '../forward/local-listener.ts'
import { formatSocketAddress, type SocketAddress } from '../model/address.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { Endpoint } from '../plan/listeners.ts'
import { type BindingOwner, closeAll, type GaveWay, OwnedBinding, restoreAll } from './binding.ts'

const retryMs = 1_000
/** Each try closes for a moment what gave way, so it comes seldom. */
const retryOverOthersMs = 30_000

export class LocalBinding extends OwnedBinding {
  readonly #address: SocketAddress
  readonly #socket: UnixSocketOptions
  readonly #gaveWay: readonly GaveWay[]
  #listener: LocalListener | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(
    endpoint: Endpoint & { local: SocketAddress },
    socket: UnixSocketOptions,
    owner: BindingOwner,
    gaveWay: readonly GaveWay[] = [],
  ) {
    super(endpoint, owner)
    this.#address = endpoint.local
    this.#socket = socket
    this.#gaveWay = gaveWay
  }

  override get shown(): string | null {
    return this.#listener ? formatSocketAddress(this.#listener.address) : null
  }

  override open(): Promise<void> {
    clearTimeout(this.#timer)
    this.enter('opening', null)
    return this.inTurn(() => this.#attempt())
  }

  override close(): Promise<void> {
    clearTimeout(this.#timer)
    this.enter('closed', null)
    return this.inTurn(async () => {
      const listener = this.#listener
      this.#listener = null
      await listener?.close()
    })
  }

  protected override get disturbs(): boolean {
    return this.#gaveWay.some(({ restore }) => restore)
  }

  async #attempt(): Promise<void> {
    if (this.isClosed() || this.#listener) return
    await closeAll(this.#gaveWay)
    try {
      const listener = await listenLocal(this.#address, this.#socket, (incoming) =>
        this.owner.handle(incoming, this.endpoint.key),
      )
      listener.failed.addEventListener('abort', () => this.#gone(listener), { once: true })
      this.#listener = listener
      if (!this.isClosed()) this.enter('open', null)
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
    if (this.isClosed()) return
    const problem = { ...cause, summary: `The forward ${this.owner.name} does not listen: ${cause.summary}` }
    const heals = problem.code !== 'LISTEN_FORBIDDEN'
    this.enter(heals ? 'retrying' : 'failed', problem)
    if (!heals) return
    const delayMs = this.disturbs ? retryOverOthersMs : retryMs
    // Several attempts may have been asked for before the first one failed.
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.inTurn(() => this.#attempt()), delayMs)
  }
}
