// When to try a host again, and whether at all: pure, given the last problem and what came before it.

import type { ProblemCode } from '../model/problem.ts'
import type { Reconnect } from '../model/project.ts'
import type { State } from '../model/status.ts'

/** A server that cannot be reached is asked again soon: it costs nobody anything, and it may be back. */
const unreachedMaxMs = 2_000
const unreachedLongMaxMs = 5_000
const longMs = 10 * 60_000

export type AfterFailure =
  | { state: 'retrying'; delayMs: number }
  | { state: Extract<State, 'waiting' | 'failed'> }

/**
 * `attempts` counts the failed ones in a row, this one included; `downMs` is how long the host has been down.
 * Exponential with full jitter: `random` is in [0, 1).
 */
export function afterFailure(
  failure: { code: ProblemCode; attempts: number; downMs: number },
  reconnect: Reconnect,
  random: () => number,
): AfterFailure {
  const rest = restingState(failure.code)
  if (rest !== null) return { state: rest }
  if (failure.attempts >= reconnect.attempts) return { state: 'failed' }
  const cap = reachedServer(failure.code)
    ? reconnect.maxMs
    : Math.min(reconnect.maxMs, failure.downMs > longMs ? unreachedLongMaxMs : unreachedMaxMs)
  const ceiling = Math.min(cap, reconnect.initialMs * 2 ** Math.min(failure.attempts - 1, 30))
  return { state: 'retrying', delayMs: Math.round(ceiling * random()) }
}

/** What another try would not mend, and a server may punish: keys refused, by either side. */
function restingState(code: ProblemCode): 'waiting' | 'failed' | null {
  switch (code) {
    case 'HOST_KEY_CHANGED':
    case 'HOST_KEY_REVOKED':
    case 'AUTH_FAILED':
    // A jump host whose policy does not let us through.
    case 'FORWARD_PROHIBITED':
      return 'failed'
    case 'HOST_KEY_UNKNOWN':
    case 'AUTH_NEEDS_PERSON':
      return 'waiting'
    default:
      return null
  }
}

function reachedServer(code: ProblemCode): boolean {
  // LIMIT_REACHED: ours, of open files.
  const unreached: ProblemCode[] = ['HOST_UNRESOLVED', 'HOST_UNREACHABLE', 'HOST_TIMEOUT', 'LIMIT_REACHED']
  return !unreached.includes(code)
}
