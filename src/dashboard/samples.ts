// How fast each forward was in the last minutes, for as long as somebody looks: a page that is opened again has its plots.

import type { Status } from '../model/status.ts'
import { addLook, noRates, rateNow } from '../view/rates.ts'
import type { Sample } from './news.ts'

/** One a second: five minutes. */
export const MOST_SAMPLES = 300

export class Samples {
  #rates = noRates
  #all: Sample[] = []

  get all(): readonly Sample[] {
    return this.#all
  }

  /** Null where it comes too soon after the last one to tell anything, or where nothing is known before it. */
  add({ forwards }: Status, nowMs: number): Sample | null {
    const before = this.#rates
    this.#rates = addLook(before, forwards, nowMs)
    if (this.#rates === before || before.atMs === null) return null
    const rates = forwards.flatMap(({ name }): [string, [number, number]][] => {
      const rate = rateNow(this.#rates, name)
      return rate ? [[name, [Math.round(rate.in), Math.round(rate.out)]]] : []
    })
    const sample = { at: nowMs, rates: Object.fromEntries(rates) }
    this.#all = [...this.#all, sample].slice(-MOST_SAMPLES)
    return sample
  }

  /** What comes next is of another supervisor, which counts from nothing, or comes after a pause. */
  pause(): void {
    this.#rates = noRates
  }
}
