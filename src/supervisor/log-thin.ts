// Keeps a storm of connections that come to nothing from washing everything else out of the log: some of each
// forward are told, the rest are counted, and the next one told says how many.

import type { Event } from '../control/protocol.ts'

const TOLD = 20
const WINDOW_MS = 60_000

/** Null: not to be told. */
export function createThinner(now: () => number = Date.now): (event: Event) => Event | null {
  const forwards = new Map<string, { from: number; told: number; untold: number }>()
  return (event) => {
    if (event.event !== 'connection' || isOrdinary(event)) return event
    let window = forwards.get(event.name)
    if (!window || now() - window.from >= WINDOW_MS) {
      window = { from: now(), told: 0, untold: window?.untold ?? 0 }
      forwards.set(event.name, window)
    }
    if (window.told >= TOLD) {
      window.untold += 1
      return null
    }
    window.told += 1
    const { untold } = window
    window.untold = 0
    return untold > 0 ? { ...event, untold } : event
  }
}

/** One that closed with a problem was ended from here. */
export function isOrdinary({ outcome, problem }: Extract<Event, { event: 'connection' }>): boolean {
  return outcome === 'opened' || (outcome === 'closed' && !problem)
}
