// How long one attempt may still take. It stands still while a person is asked: they may be fetching a phone.

import type { Ask } from '../model/prompt.ts'

export class AttemptClock {
  readonly #onExpire: () => void
  #leftMs: number
  #timer: NodeJS.Timeout | null = null
  #startedAt = 0

  /** Runs from now on; `onExpire` is called once, when `limitMs` have run. */
  constructor(limitMs: number, onExpire: () => void) {
    this.#leftMs = limitMs
    this.#onExpire = onExpire
    this.#go()
  }

  /** For good. */
  end(): void {
    this.#leftMs = Number.POSITIVE_INFINITY
    this.#stop()
  }

  /** Asks as `ask` does, while this stands still. One question at a time. */
  stoppedDuring(ask: Ask): Ask {
    return async (question, signal) => {
      this.#stop()
      try {
        return await ask(question, signal)
      } finally {
        this.#go()
      }
    }
  }

  #go(): void {
    if (this.#leftMs === Number.POSITIVE_INFINITY) return
    this.#startedAt = performance.now()
    this.#timer = setTimeout(this.#onExpire, Math.max(0, this.#leftMs))
  }

  #stop(): void {
    if (this.#timer) this.#leftMs -= performance.now() - this.#startedAt
    if (this.#timer) clearTimeout(this.#timer)
    this.#timer = null
  }
}
