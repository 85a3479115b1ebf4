// What a host's loop waits for: the end of a connection or of a rest, or that it is told to look again.

import type { Carrier } from '../forward/carrier.ts'

/** Resolves when the signal fires; rejects with the reason when the carrier is lost. */
export function untilClosed({ closed }: Carrier, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const both = AbortSignal.any([closed, signal])
    const done = () => (closed.aborted ? reject(closed.reason) : resolve())
    if (both.aborted) done()
    else both.addEventListener('abort', done, { once: true })
  })
}

/** Resolves when the signal fires, or after `delayMs`. */
export function aborted(signal: AbortSignal, delayMs?: number): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = delayMs === undefined ? undefined : setTimeout(done, delayMs)
    if (signal.aborted) return done()
    signal.addEventListener('abort', done, { once: true })
  })
}
