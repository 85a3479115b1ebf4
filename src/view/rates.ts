// How fast bytes and connections go: what two looks at the status tell, and the last looks as a row of numbers. Pure.

import type { ForwardStatus } from '../model/status.ts'

/** All of them a second. */
export interface Rate {
  in: number
  out: number
  connections: number
}

export interface Rates {
  /** When the last look was; null: there was none. */
  atMs: number | null
  forwards: ReadonlyMap<string, ForwardRates>
}

interface ForwardRates {
  last: Pick<ForwardStatus, 'bytes' | 'connections'>
  /** The newest one last. */
  history: readonly Rate[]
}

export const noRates: Rates = { atMs: null, forwards: new Map() }

/** Looks that come sooner after the last one say nothing. */
const LEAST_MS = 900
export const HISTORY = 20

/** A forward that was opened again counts from nothing: what is less than before begins anew. */
export function addLook(rates: Rates, forwards: readonly ForwardStatus[], nowMs: number): Rates {
  if (rates.atMs !== null && nowMs - rates.atMs < LEAST_MS) return rates
  const seconds = rates.atMs === null ? 0 : (nowMs - rates.atMs) / 1_000
  const next = forwards.map((forward): [string, ForwardRates] => {
    const before = rates.forwards.get(forward.name)
    const history = before && seconds > 0 ? [...before.history, rateOf(before.last, forward, seconds)] : []
    return [forward.name, { last: forward, history: history.slice(-HISTORY) }]
  })
  return { atMs: nowMs, forwards: new Map(next) }
}

/** Null before the second look at it. */
export function rateNow(rates: Rates, name: string): Rate | null {
  return rates.forwards.get(name)?.history.at(-1) ?? null
}

/** Bytes a second in both directions, the newest one last. */
export function historyOf(rates: Rates, name: string): number[] {
  return (rates.forwards.get(name)?.history ?? []).map((rate) => rate.in + rate.out)
}

function rateOf(before: ForwardRates['last'], now: ForwardStatus, seconds: number): Rate {
  const since = (old: number, value: number) => (value < old ? value : value - old) / seconds
  return {
    in: since(before.bytes.in, now.bytes.in),
    out: since(before.bytes.out, now.bytes.out),
    connections: since(before.connections.total, now.connections.total),
  }
}
