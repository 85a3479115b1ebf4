// A port or socket that a host listens on for a forward. It is asked for again on every new connection to the
// host, moved from one connection to the next when the host is replaced, and given back to the old one when
// the new one does not get it.

import type { Incoming, ListenOptions, RelayMark, RemoteListener } from '../forward/carrier.ts'
import type { ListenSpec } from '../model/address.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { WantedRemoteForward } from '../model/wanted.ts'
import type { Endpoint } from '../plan/listeners.ts'
import { type BindingOwner, closeAll, type GaveWay, OwnedBinding, restoreAll } from './binding.ts'
import type { HeldCarrier } from './held-carrier.ts'
import type { HostSlot } from './host-slot.ts'

const retryMs = 2_000
/** Each try takes away for a moment what serves in its place, so it comes seldom. */
const retryOverOthersMs = 30_000

/** Somebody has to change something over there first. */
const restsWith: ReadonlySet<string> = new Set(['FORWARD_PROHIBITED', 'RELAY_UNAVAILABLE'])

type Listening = { held: HeldCarrier; listener: RemoteListener; release: () => void }

export class RemoteBinding extends OwnedBinding {
  readonly #slot: HostSlot
  readonly #options: ListenOptions
  readonly #gaveWay: readonly GaveWay[]
  /** With the port that the server chose at first, so that it stays the same. */
  #listen: ListenSpec
  #listening: Listening | null = null
  #relay: RelayMark | null = null
  #stopWatching: (() => void) | null = null
  #stopNeeding: (() => void) | null = null
  #timer: NodeJS.Timeout | undefined

  constructor(
    endpoint: Endpoint,
    spec: Pick<WantedRemoteForward, 'listen' | 'socket' | 'gateway'>,
    slot: HostSlot,
    owner: BindingOwner,
    gaveWay: readonly GaveWay[] = [],
  ) {
    super(endpoint, owner)
    this.#listen = spec.listen
    this.#options = { replace: spec.socket.replace, gateway: spec.gateway }
    this.#slot = slot
    this.#gaveWay = gaveWay
  }

  override get shown(): string | null {
    return this.#listening?.listener.address ?? null
  }

  /** Only starts: what the host answers is an event. */
  override async open(): Promise<void> {
    this.enter('opening', null)
    this.#stopWatching ??= this.#slot.watch(() => this.#lookAgain())
    this.#stopNeeding ??= this.#slot.need()
    this.#lookAgain()
  }

  override async close(): Promise<void> {
    clearTimeout(this.#timer)
    this.#stopWatching?.()
    this.#stopWatching = null
    this.enter('closed', null)
    await this.inTurn(() => this.#cancel())
    if (!this.isClosed()) return
    this.#stopNeeding?.()
    this.#stopNeeding = null
  }

  protected override get disturbs(): boolean {
    return this.#listening !== null || this.#gaveWay.some(({ restore }) => restore)
  }

  #lookAgain(): void {
    clearTimeout(this.#timer)
    void this.inTurn(() => this.#follow())
  }

  /** Brings the request to where the host's connection is now. */
  async #follow(): Promise<void> {
    const held = this.#slot.current
    if (this.#listening?.held.carrier.closed.aborted) await this.#cancel()
    if (this.isClosed() || this.#listening?.held === held) return
    if (!held) return this.#listening ? undefined : this.enter('opening', null)
    const previous = this.#listening?.held
    const release = previous?.hold()
    await this.#cancel()
    await closeAll(this.#gaveWay)
    const problem = await this.#request(held)
    if (problem && previous && !previous.carrier.closed.aborted) await this.#request(previous)
    release?.()
    if (!problem) return
    await restoreAll(this.#gaveWay)
    this.#failed(problem)
  }

  /** Null when the host listens. */
  async #request(held: HeldCarrier): Promise<Problem | null> {
    const release = held.hold()
    try {
      const options = { ...this.#options, before: this.#relay }
      const listener = await held.carrier.listen(this.#listen, options, (incoming) =>
        this.owner.handle(holdIncoming(incoming, held), this.endpoint.key),
      )
      this.#listening = { held, listener, release }
      this.#relay = listener.relay ?? null
      const lost = () => void this.inTurn(() => this.#lost(listener))
      listener.lost?.addEventListener('abort', lost, { once: true })
      if (listener.lost?.aborted) lost()
      if (this.#listen.kind === 'tcp') this.#listen = { ...this.#listen, port: listener.port }
      if (!this.isClosed()) this.enter('open', null)
      return null
    } catch (error) {
      release()
      return problemOf(error)
    }
  }

  /** What listened over there has ended, while the connection lives. */
  async #lost(listener: RemoteListener): Promise<void> {
    if (this.#listening?.listener !== listener) return
    await this.#cancel()
    await restoreAll(this.#gaveWay)
    this.#failed(problemOf(listener.lost!.reason))
  }

  #failed(problem: Problem): void {
    if (this.isClosed() || problem.code === 'HOST_LOST') return
    const heals = !restsWith.has(problem.code)
    this.enter(heals ? 'retrying' : 'failed', problem)
    if (!heals) return
    // Several attempts may have been asked for before the first one failed.
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#lookAgain(), this.disturbs ? retryOverOthersMs : retryMs)
  }

  async #cancel(): Promise<void> {
    const listening = this.#listening
    this.#listening = null
    await listening?.listener.close()
    listening?.release()
  }
}

/** A connection that came in holds the connection to the host that it came through. */
function holdIncoming(incoming: Incoming, held: HeldCarrier): Incoming {
  return {
    from: incoming.from,
    gone: incoming.gone,
    refuse: () => incoming.refuse(),
    accept: () => held.holdFor(incoming.accept()),
  }
}
