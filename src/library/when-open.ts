// When everything is open: looked at again with each event, until one cannot come up or time is up.

import { type Problem, ProblemError } from '../model/problem.ts'
import type { ForwardStatus } from '../model/status.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'

/**
 * Rejects with a ProblemError that says of each forward why it is not open: at once where one needs a person or a change,
 * else when the signal fires.
 */
export async function whenOpen(supervisor: Supervisor, signal: AbortSignal): Promise<void> {
  const over = new AbortController()
  try {
    await new Promise<void>((resolve, reject) => {
      const look = () => {
        const waits = supervisor.status().forwards.filter(isNotOpen)
        if (waits.length === 0) return resolve()
        if (signal.aborted || waits.some(isHopeless)) reject(new ProblemError(waits.map(problemOf)))
      }
      over.signal.addEventListener('abort', supervisor.watchEvents(look))
      signal.addEventListener('abort', look, { signal: over.signal })
      look()
    })
  } finally {
    over.abort()
  }
}

function isNotOpen({ state }: ForwardStatus): boolean {
  return state !== 'open' && state !== 'idle'
}

function isHopeless({ state }: ForwardStatus): boolean {
  return state === 'failed' || state === 'waiting'
}

function problemOf({ name, via, state, problem }: ForwardStatus): Problem {
  return problem ?? { code: 'HOST_TIMEOUT', summary: `${name} is ${state}: ${via} has not answered in time` }
}
