// `tunnels up` beside a running supervisor: brings it the selection, then shows what it does. Ctrl-C leaves.

import { type ControlClient, openControlClient } from '../control/client.ts'
import { problemOf } from '../model/problem.ts'
import { formatPlan } from '../view/plan.ts'
import { EXIT, exitCodeOf } from './exit-code.ts'
import { type Followed, follow, foregroundView } from './follow.ts'
import type { Invocation } from './invocation.ts'
import { noteOtherVersion } from './project.ts'
import { type LoadedSelection, showProblems } from './selection.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'

/** `gone`: it ended before it could be joined; the place is free. */
export async function attach(invocation: Invocation, loaded: LoadedSelection): Promise<number | 'gone'> {
  const client = await bring(invocation, loaded)
  if (typeof client !== 'object') return client
  const leaving = new AbortController()
  const signals = listenForSignals(() => void client.reconcile().catch(() => {}))
  try {
    const streaming = stream(invocation, client, leaving.signal)
    const ending = await Promise.race([streaming, signals.first])
    if (typeof ending === 'number') return ending
    invocation.terminal.note('Detached; the tunnels stay up. `tunnels down` closes them.')
    return signalExitCodes[ending]
  } finally {
    leaving.abort()
    signals.stop()
  }
}

/** Hands the selection over, and says what that changed. A number: it was refused, with this exit code. */
export async function bring(
  invocation: Invocation,
  { place, selection }: LoadedSelection,
): Promise<ControlClient | number | 'gone'> {
  const { env, version, terminal, options } = invocation
  const client = await openControlClient({ place, env, version })
  if (!client) return 'gone'
  if (client.otherVersion) noteOtherVersion(invocation, client.otherVersion)
  try {
    const { plan, problems } = await client.reconcile({ selection })
    showProblems(invocation, problems)
    if (exitCodeOf(problems) !== EXIT.fine) return exitCodeOf(problems)
    if (!options.json) terminal.note(formatPlan(plan, { color: terminal.color.err }).trimEnd())
    return client
  } catch (error) {
    if (problemOf(error).code === 'NOT_RUNNING') return 'gone'
    throw error
  }
}

/** Resolves with the exit code when the supervisor ends. */
async function stream(invocation: Invocation, client: ControlClient, signal: AbortSignal): Promise<number> {
  let followed: Followed | null = null
  try {
    const events = await client.openEvents(signal)
    followed = await follow(invocation, () => client.status(), foregroundView(invocation, true))
    for await (const event of events) followed.see(event)
    invocation.terminal.note('The supervisor has ended')
    return EXIT.fine
  } catch (error) {
    if (signal.aborted) return EXIT.fine
    throw error
  } finally {
    await followed?.stop()
  }
}
