// Ends what belongs to one connection. An AbortSignal would do, and fits wherever a StopSignal is asked for, but with its
// controller, its listeners and `AbortSignal.any` it was a tenth of what a connection costs.

/** The part of an AbortSignal that is needed here. */
export interface StopSignal {
  readonly aborted: boolean
  readonly reason: unknown
  addEventListener(type: 'abort', listener: () => void): void
  removeEventListener(type: 'abort', listener: () => void): void
}

const stopped = new Error('It was stopped')

/** Fires once; who listens afterwards is not called. */
export class Stop implements StopSignal {
  aborted = false
  reason: unknown
  #listeners: (() => void)[] = []

  addEventListener(_type: 'abort', listener: () => void): void {
    if (!this.aborted) this.#listeners.push(listener)
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    const at = this.#listeners.indexOf(listener)
    if (at >= 0) this.#listeners.splice(at, 1)
  }

  abort(reason: unknown = stopped): void {
    if (this.aborted) return
    this.aborted = true
    this.reason = reason
    const listeners = this.#listeners
    this.#listeners = []
    for (const listener of listeners) listener()
  }
}
