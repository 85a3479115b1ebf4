// Work that is done again and again, and sooner where somebody asks: one at a time, with a rest after each.

import { setTimeout as delay } from 'node:timers/promises'

export interface Pace {
  /** From one to the next where nobody asks, in milliseconds. */
  everyMs: number
  /** The least time between two. */
  restMs: number
}

/** Begins at once, ends when the signal fires. Returns what asks: asked while it works, it is done once more. */
export function takeTurns(
  work: () => Promise<void>,
  { everyMs, restMs }: Pace,
  signal: AbortSignal,
): () => void {
  let isAsked = false
  let wake = () => {}
  const go = async () => {
    while (!signal.aborted) {
      isAsked = false
      await work()
      await pause(restMs, signal)
      if (isAsked) continue
      const asked = new AbortController()
      wake = () => asked.abort()
      await pause(everyMs - restMs, AbortSignal.any([signal, asked.signal]))
    }
  }
  void go()
  return () => {
    isAsked = true
    wake()
  }
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => {})
}
