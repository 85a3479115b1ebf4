// How a process that supervises comes to its end after a signal.

import { setTimeout as delay } from 'node:timers/promises'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { type EndSignal, type Signals, signalExitCodes } from './signals.ts'

/** How long SIGTERM lets open connections finish. */
const DRAIN_MS = 25_000
/** Enough to reset what is open; hosts that are slow to confirm are not waited for. */
const CUT_MS = 200

/** Resolves with the exit code: when everything is closed, or at a second signal at once. */
export async function endSupervisor(
  supervisor: Supervisor,
  ending: EndSignal,
  { second }: Signals,
): Promise<number> {
  const closed = supervisor
    .down({ drainMs: ending === 'SIGTERM' ? DRAIN_MS : 0 })
    .then(() => 'closed' as const)
  // A process that just goes ends its connections as if they were complete.
  if ((await Promise.race([closed, second])) !== 'closed')
    await Promise.race([supervisor.down({}), delay(CUT_MS, undefined, { ref: false })])
  return signalExitCodes[ending]
}
