// Waits for the first outcome of each host and forward after something was asked of a supervisor, and shows it.

import type { ControlClient } from '../control/client.ts'
import type { Status } from '../model/status.ts'
import { type Followed, follow } from './follow.ts'
import type { Invocation } from './invocation.ts'
import { canAsk } from './questions.ts'

export interface Outcome {
  /** Forwards or hosts whose outcome matters; null: all. */
  names: readonly string[] | null
  /** Time in which somebody is being asked does not count. */
  timeoutMs: number
}

/** Longer than an attempt takes through a few hops. */
export const PATIENCE_MS = 60_000

/** The status when each has come to something, or time is up. Rejects with a ProblemError when the supervisor is gone. */
export function firstOutcome(
  invocation: Invocation,
  client: ControlClient,
  outcome: Outcome,
): Promise<Status> {
  return whileFollowing(invocation, client, outcome, async (followed, over) => {
    await Promise.race([followed.settled, aborted(over)])
    await followed.stop()
    return client.status()
  })
}

/**
 * `work` is shown, and hosts' questions are put to the person, until it has ended. Its signal fires when time is up, or
 * the supervisor gone.
 */
export async function whileFollowing<T>(
  invocation: Invocation,
  client: ControlClient,
  { names, timeoutMs }: Outcome,
  work: (followed: Followed, over: AbortSignal) => Promise<T>,
): Promise<T> {
  const leaving = new AbortController()
  let followed: Followed | null = null
  const loseFaith = (): void => {
    if (followed?.isAsking) timeout = setTimeout(loseFaith, timeoutMs)
    else leaving.abort()
  }
  let timeout = setTimeout(loseFaith, timeoutMs)
  try {
    const events = await client.openEvents(leaving.signal)
    const { json, quiet } = invocation.options
    const view = { names, events: 'none', tellPresent: false, progress: !json && !quiet, live: null } as const
    const following = await follow(invocation, client, view)
    followed = following
    void (async () => {
      for await (const event of events) following.see(event)
    })()
      .catch(() => {})
      .finally(() => leaving.abort())
    return await work(following, leaving.signal)
  } finally {
    await followed?.stop()
    clearTimeout(timeout)
    leaving.abort()
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    signal.addEventListener('abort', () => resolve(), { once: true })
    if (signal.aborted) resolve()
  })
}

/**
 * `work` may have hosts connected anew: where a person can be asked, they are there until its end for what hosts want
 * to know.
 */
export async function withPerson<T>(
  invocation: Invocation,
  client: ControlClient,
  work: () => Promise<T>,
): Promise<T> {
  if (!canAsk(invocation)) return work()
  const leaving = new AbortController()
  try {
    await client.attend(leaving.signal)
    return await work()
  } finally {
    leaving.abort()
  }
}
