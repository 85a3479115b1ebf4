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

/** The status when each has come to something, or time is up. Rejects with a ProblemError when the supervisor is gone. */
export async function firstOutcome(
  invocation: Invocation,
  client: ControlClient,
  { names, timeoutMs }: Outcome,
): Promise<Status> {
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
    const view = { names, events: 'none', tellPresent: false, progress: !json && !quiet } as const
    const following = await follow(invocation, client, view)
    followed = following
    const lost = (async () => {
      for await (const event of events) following.see(event)
    })().catch(() => {})
    await Promise.race([following.settled, lost])
    await following.stop()
    return await client.status()
  } finally {
    await followed?.stop()
    clearTimeout(timeout)
    leaving.abort()
  }
}

/** Longer than an attempt takes through a few hops. */
const PATIENCE_MS = 60_000

/**
 * Does `act`, which may have hosts connected anew. Where a person can be asked, they are there for what hosts want to
 * know then, and see what comes of it; a script is not kept waiting.
 */
export async function withPerson(
  invocation: Invocation,
  client: ControlClient,
  names: readonly string[] | null,
  act: () => Promise<void>,
): Promise<void> {
  if (!canAsk(invocation)) return act()
  const leaving = new AbortController()
  try {
    await client.attend(leaving.signal)
    await act()
    await firstOutcome(invocation, client, { names, timeoutMs: PATIENCE_MS })
  } finally {
    leaving.abort()
  }
}
