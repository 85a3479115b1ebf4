// How often in a row a host has failed, and since when it is down: what the next rest depends on.

import type { ProblemCode } from '../model/problem.ts'
import type { Reconnect } from '../model/project.ts'
import { type AfterFailure, afterFailure } from './backoff.ts'

/** A connection that served this long was a good one. */
const steadyMs = 2_000

export class Failures {
  #attempts = 0
  /** Connections in a row that were lost as soon as they were there. */
  #shortLived = 0
  #downSince = performance.now()

  /** What failed before says nothing of the next attempt. */
  forget(): void {
    this.#attempts = 0
  }

  /** From now on it is not connected. */
  goesDown(): void {
    this.#downSince = performance.now()
  }

  /** A server that takes us and drops us is asked less and less often; one such loss is bad luck. */
  lost(servedMs: number): void {
    this.#shortLived = servedMs < steadyMs ? this.#shortLived + 1 : 0
    this.#attempts = Math.max(0, this.#shortLived - 1)
  }

  /** One more; what follows from it. */
  failed(code: ProblemCode, reconnect: Reconnect): AfterFailure {
    this.#attempts += 1
    const downMs = performance.now() - this.#downSince
    return afterFailure({ code, attempts: this.#attempts, downMs }, reconnect, Math.random)
  }
}
