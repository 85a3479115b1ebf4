// Through which host a forward's new connections go. Where an edit names another host, they go the old way until that one
// is open or idle, or the old one can carry them no more.

import type { Route } from '../forward/traffic.ts'
import type { WantedForward } from '../model/wanted.ts'
import type { ForwardChange } from '../plan/plan.ts'
import type { HeldCarrier } from './held-carrier.ts'
import type { HostSlot } from './host-slot.ts'
import { routeOf } from './route.ts'

type RouteChange = Exclude<ForwardChange, 'listen'>

/** What it tells. */
export interface WayNews {
  /** New connections take this route from now on. */
  onRoute(route: Route, change: RouteChange): void
  /** A connection was replaced while it lived. */
  onReplaced(): void
  /** The host may be in another state. */
  onChange(): void
}

export class HostWay {
  #spec: WantedForward
  #slot: HostSlot
  /** What the spec says of the way of new connections, except while its host is waited for. */
  #routed: WantedForward
  /** Where new connections will go once it is open: what the spec says, so it decides the forward's state. */
  #next: { slot: HostSlot; changed: readonly ForwardChange[]; stopWaiting: () => void } | null = null
  /** That of the host when we last looked. */
  #carrier: HeldCarrier | null
  #stopWatching: () => void
  readonly #news: WayNews

  constructor(spec: WantedForward, slot: HostSlot, news: WayNews) {
    this.#spec = spec
    this.#routed = spec
    this.#slot = slot
    this.#news = news
    this.#carrier = slot.current
    this.#stopWatching = slot.watch(() => this.#hostChanged())
  }

  get route(): Route {
    return routeOf(this.#routed, this.#slot)
  }

  /** Where new connections go, or will. */
  get wanted(): HostSlot {
    return this.#next?.slot ?? this.#slot
  }

  update(spec: WantedForward, slot: HostSlot, changed: readonly ForwardChange[]): void {
    this.#spec = spec
    const due = [...new Set([...(this.#next?.changed ?? []), ...changed])]
    // What serves while one wait takes over from another may have no other user.
    const letGo = this.#slot.current?.hold()
    this.stopWaiting()
    if (slot === this.#slot) this.#setRoute(spec, due)
    else this.#moveTo(slot, due)
    letGo?.()
  }

  /** At once, and without a word: nothing of before goes this way. */
  reopen(spec: WantedForward, slot: HostSlot): void {
    this.#spec = spec
    this.#routed = spec
    this.stopWaiting()
    this.#watch(slot)
  }

  /** No other way is waited for. */
  stopWaiting(): void {
    this.#next?.stopWaiting()
    this.#next = null
  }

  stop(): void {
    this.stopWaiting()
    this.#stopWatching()
  }

  #setRoute(spec: WantedForward, changed: readonly ForwardChange[]): void {
    this.#routed = spec
    const { route } = this
    for (const change of changed) if (change !== 'listen') this.#news.onRoute(route, change)
  }

  #moveTo(slot: HostSlot, changed: readonly ForwardChange[]): void {
    const letGo = this.#slot.current?.hold()
    const move = () => {
      if (!slot.current && slot.state !== 'idle' && this.#slot.current) return
      this.stopWaiting()
      this.#watch(slot)
      this.#setRoute(this.#spec, changed)
      this.#news.onChange()
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

  #watch(slot: HostSlot): void {
    this.#stopWatching()
    this.#slot = slot
    this.#carrier = slot.current
    this.#stopWatching = slot.watch(() => this.#hostChanged())
  }

  /** What goes through a connection that was replaced while it lived has the drain's time to finish. */
  #hostChanged(): void {
    const previous = this.#carrier
    this.#carrier = this.#slot.current
    const isReplaced = previous !== null && previous !== this.#carrier && !previous.carrier.closed.aborted
    if (isReplaced) {
      this.#news.onReplaced()
      this.#news.onRoute(this.route, 'route')
    }
    this.#news.onChange()
  }
}

/** Who may come, and how many, waits for no host. */
function onTheWayOf({ to, auth, hostHeader }: WantedForward, spec: WantedForward): WantedForward {
  return { ...spec, to, auth, hostHeader }
}
