// Those who want a connection before there is one: each waits its own time, and is told when one comes or none will.

import type { StopSignal } from '../forward/stop.ts'
import { type Problem, ProblemError } from '../model/problem.ts'

interface Waiter<T> {
  resolve(value: T): void
  reject(error: unknown): void
}

export class Waiting<T> {
  readonly #waiters = new Set<Waiter<T>>()

  /** Rejects with `signal`'s reason, or after `limitMs` as a ProblemError with what `why` knows by then. */
  wait(signal: StopSignal, limitMs: number, why: () => Problem): Promise<T> {
    return new Promise((resolve, reject) => {
      const settle = (how: () => void) => {
        clearTimeout(timer)
        signal.removeEventListener('abort', abort)
        this.#waiters.delete(waiter)
        how()
      }
      const waiter: Waiter<T> = {
        resolve: (value) => settle(() => resolve(value)),
        reject: (error) => settle(() => reject(error)),
      }
      const abort = () => waiter.reject(signal.reason)
      const timer = setTimeout(() => waiter.reject(new ProblemError(why())), limitMs)
      this.#waiters.add(waiter)
      signal.addEventListener('abort', abort)
      if (signal.aborted) abort()
    })
  }

  serve(value: T): void {
    for (const waiter of [...this.#waiters]) waiter.resolve(value)
  }

  fail(problem: Problem): void {
    for (const waiter of [...this.#waiters]) waiter.reject(new ProblemError(problem))
  }
}
