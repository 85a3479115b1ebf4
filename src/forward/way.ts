// The way that one connection goes: that of the moment, until its target has answered. Who only waits, for a host that
// is down or a target that is slow, has nothing to lose by an edit, and a dead host is what it often mends.

import { isDeepStrictEqual } from 'node:util'
import type { Target } from '../model/address.ts'
import type { Dial } from './carrier.ts'
import type { SocksAuth } from './socks-handshake.ts'
import { Stop, type StopSignal } from './stop.ts'

export interface Way {
  to: Target
  dial: Dial
  auth: SocksAuth | null
  hostHeader: string | null
}

export class OpenWay {
  #way: Way
  #isKept = false
  #changed = new Stop()

  constructor(way: Way) {
    this.#way = way
  }

  get current(): Way {
    return this.#way
  }

  /** Fires when `current` is another one than it was when this was asked. */
  get changed(): StopSignal {
    return this.#changed
  }

  /** The target has answered: from now on it goes this way. */
  keep(): void {
    this.#isKept = true
  }

  /** False when it goes on the way that it has, for as long as its drain lets it. */
  take(next: Way): boolean {
    if (this.#isKept || !isOpenTo(this.#way, next)) return false
    const changed = this.#changed
    this.#way = next
    this.#changed = new Stop()
    changed.abort()
    return true
  }
}

/** What a SOCKS client has said was said to the old way: who asked otherwise, or as somebody else, stays on it. */
function isOpenTo(way: Way, next: Way): boolean {
  if ((way.to.kind === 'socks') !== (next.to.kind === 'socks')) return false
  if (!isDeepStrictEqual(way.auth, next.auth)) return false
  const isSame = way.dial === next.dial && way.hostHeader === next.hostHeader
  return !isSame || !isDeepStrictEqual(way.to, next.to)
}
