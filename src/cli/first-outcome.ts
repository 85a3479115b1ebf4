// Waits in front of a running supervisor until each forward has come to something, good or bad, and shows how.

import type { ControlClient } from '../control/client.ts'
import type { Status } from '../model/status.ts'
import { follow } from './follow.ts'
import type { Invocation } from './invocation.ts'

/** The status then, or after `timeoutMs`. `names`: forwards or hosts; null: all. */
export async function firstOutcome(
  invocation: Invocation,
  client: ControlClient,
  names: readonly string[] | null,
  timeoutMs: number,
): Promise<Status> {
  const leaving = new AbortController()
  const timeout = setTimeout(() => leaving.abort(), timeoutMs)
  try {
    const events = await client.openEvents(leaving.signal)
    const { json, quiet } = invocation.options
    const view = { names, events: 'none', tellPresent: false, progress: !json && !quiet } as const
    const followed = await follow(invocation, () => client.status(), view)
    const lost = (async () => {
      for await (const event of events) followed.see(event)
    })().catch(() => {})
    await Promise.race([followed.settled, lost])
    await followed.stop()
    return await client.status()
  } finally {
    clearTimeout(timeout)
    leaving.abort()
  }
}
