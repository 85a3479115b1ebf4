// How a process that supervises comes to its end: after a signal, or when another one has its place.

import { setTimeout as delay } from 'node:timers/promises'
import type { ControlServer } from '../control/server.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
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

export function lostOf(server: ControlServer): Promise<'lost'> {
  return server.lost.then(() => 'lost' as const)
}

/** In the background what is said here stands in the log: its standard error goes there. */
export async function yieldPlace({ terminal }: Invocation, supervisor: Supervisor): Promise<number> {
  terminal.complain(
    `The control socket of this supervisor (process ${process.pid}) was removed, and another one has been started since: this one ends`,
  )
  await supervisor.down({})
  return EXIT.failed
}
