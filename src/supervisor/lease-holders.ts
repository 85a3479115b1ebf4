// Those for whom a part of the selection is held: what each brings is opened beside all that is there, and closed when
// its connection ends. What a lease is, and what it may be, is leases.ts's.

import type { LeaseAnswer, LeaseRequest, Selection } from '../control/protocol.ts'
import {
  broughtBy,
  changesHeld,
  forOwnHosts,
  forwardsOf,
  type Lease,
  openLease,
  otherValues,
  refuseOther,
  withLeases,
  withoutLease,
} from './leases.ts'
import type { Loop, Proven } from './loop.ts'
import { withTrust } from './selection.ts'

export class LeaseHolders {
  readonly #loop: Loop
  readonly #onNone: () => void
  /** Those that are there, and those that are on their way. */
  #count = 0

  /** `onNone`: the last one has gone, or the only one could not come. */
  constructor(loop: Loop, onNone: () => void) {
    this.#loop = loop
    this.#onNone = onNone
  }

  get count(): number {
    return this.#count
  }

  /** It is held until `gone` fires. */
  async take({ selection, pid, autoPorts }: LeaseRequest, gone: AbortSignal): Promise<LeaseAnswer> {
    this.#count++
    try {
      const lease = openLease(selection, { pid: pid ?? null, autoPorts: autoPorts ?? false })
      const answer = await this.#loop.inOrder(() => this.#open(lease, gone))
      const release = () => void this.#release(lease).catch(() => {})
      gone.addEventListener('abort', release, { once: true })
      if (gone.aborted) release()
      return answer
    } catch (error) {
      this.#count--
      this.#lookForNone()
      throw error
    }
  }

  async #open(lease: Lease, gone: AbortSignal): Promise<LeaseAnswer> {
    gone.throwIfAborted()
    const { selection, leases, loaded: before } = this.#loop.held
    const held = withLeases(selection, leases)
    refuseOther(held, lease.selection, before!.project.variables)
    this.#loop.forgetSshConfig()
    const trusting = withTrust(selection, lease.selection.trusted)
    const loaded = await this.#loadBeside(lease, trusting, broughtBy(lease, held))
    const answer = await this.#loop.apply(loaded, { isAsked: true })
    return { ...answer, forwards: forwardsOf(lease, loaded.project) }
  }

  /**
   * Whoever uses what is there must not be moved elsewhere by a variable that only the newcomer has, where the file has a
   * default or `.env` another value. One that the files mention is refused; any other (an agent) counts for its own hosts.
   */
  async #loadBeside(lease: Lease, selection: Selection, brought: readonly string[]): Promise<Proven> {
    const load = (...more: Lease[]) => this.#loop.load(selection, [...this.#loop.held.leases, ...more])
    const before = brought.length > 0 ? await load().catch(() => null) : null
    const loaded = await load(lease)
    if (!before || !changesHeld(before.wanted, loaded.wanted)) return loaded
    const mentioned = new Set(loaded.project.variables)
    const ofFiles = brought.filter((name) => mentioned.has(name))
    const others = brought.filter((name) => !mentioned.has(name))
    const less = await load(forOwnHosts(lease, others))
    if (ofFiles.length > 0 && changesHeld(before.wanted, less.wanted)) throw otherValues(ofFiles)
    return less
  }

  /** What nothing else selects is closed at once, as at Ctrl-C, whatever the files say by now. */
  async #release(lease: Lease): Promise<void> {
    this.#count--
    await this.#loop.inOrder(async () => {
      this.#lookForNone()
      const { selection, leases: held } = this.#loop.held
      const leases = withoutLease(held, lease)
      const loaded = await this.#loop.load(selection, leases).catch(() => this.#loop.less(selection, leases))
      await this.#loop.apply(loaded, { drainMs: 0 })
    })
  }

  #lookForNone(): void {
    if (this.#count === 0) this.#onNone()
  }
}
