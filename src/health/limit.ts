// How many checks go on at once; the others wait their turn, first come, first served.

import { once } from '../forward/once.ts'

export type Limit = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>

/** A call rejects with `signal`'s reason where that fires before its turn has come. */
export function createLimit(most: number): Limit {
  const waiting = new Set<() => void>()
  let free = most
  const leave = () => {
    const [next] = waiting
    if (next) next()
    else free += 1
  }
  const enter = (signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      signal.throwIfAborted()
      if (free > 0) {
        free -= 1
        return resolve()
      }
      const gone = () => {
        waiting.delete(turn)
        reject(signal.reason)
      }
      const turn = once(() => {
        signal.removeEventListener('abort', gone)
        waiting.delete(turn)
        resolve()
      })
      waiting.add(turn)
      signal.addEventListener('abort', gone, { once: true })
    })
  return async (signal, work) => {
    await enter(signal)
    try {
      return await work()
    } finally {
      leave()
    }
  }
}
