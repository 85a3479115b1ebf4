// `tunnels up` beside a running supervisor: brings it the selection, then shows what it does. Ctrl-C leaves.

import { setTimeout } from 'node:timers/promises'
import { brokenOff } from '../control/broken-off.ts'
import { type ControlClient, openControlClient } from '../control/client.ts'
import { isAlive } from '../control/lock.ts'
import type { Event, Selection } from '../control/protocol.ts'
import { ProblemError, problemOf } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import type { PlanJson } from '../plan/plan.ts'
import { withTrust } from '../supervisor/selection.ts'
import { formatPlan } from '../view/plan.ts'
import { NO_FORWARDS } from '../view/status.ts'
import { agree } from './agree.ts'
import { EXIT, exitCodeOf, exitCodeOfForwards } from './exit-code.ts'
import { type Followed, follow, foregroundView, forwardsMeant } from './follow.ts'
import type { Invocation } from './invocation.ts'
import { steer } from './live-status.ts'
import { noteOtherVersion } from './project.ts'
import { canAsk } from './questions.ts'
import { type LoadedSelection, showFurther } from './selection.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'
import { tellTroubles, troubledForwards } from './tell-troubles.ts'

/** Longer than SIGTERM drains. */
const DRAIN_PATIENCE_MS = 30_000
const LOOK_AGAIN_MS = 100
const LEAVE_MS = 1_000

/** `gone`: it ended before it could be joined; the place is free. */
export async function attach(
  invocation: Invocation,
  loaded: LoadedSelection,
  args: { watch: boolean; trust: boolean; http: string | null },
): Promise<number | 'gone'> {
  const leaving = new AbortController()
  const client = await bring(invocation, loaded, args, leaving.signal)
  if (typeof client !== 'object') return client
  const signals = listenForSignals(() => void client.reconcile().catch(() => {}))
  try {
    const streaming = stream(invocation, client, leaving.signal)
    const ending = await Promise.race([streaming, signals.first])
    if (typeof ending === 'number') return ending
    leaving.abort()
    // What stands on the screen goes first; a supervisor that does not answer keeps nobody here.
    await Promise.race([streaming, signals.second, setTimeout(LEAVE_MS)])
    invocation.terminal.note('Detached; the tunnels stay up. `tunnels down` closes them.')
    return signalExitCodes[ending]
  } finally {
    leaving.abort()
    signals.stop()
  }
}

/**
 * Hands the selection over, and says what that changed. Whoever can be asked is there from before until `leaving`
 * fires. A number: it was refused, with this exit code.
 */
export async function bring(
  invocation: Invocation,
  loaded: LoadedSelection,
  { watch, trust, http }: { watch: boolean; trust: boolean; http: string | null },
  leaving: AbortSignal,
): Promise<ControlClient | number | 'gone'> {
  const { env, version, terminal, options } = invocation
  const client = await openControlClient({ place: loaded.place, env, version })
  if (!client) return 'gone'
  if (client.otherVersion) noteOtherVersion(invocation, client.otherVersion)
  try {
    const selection = await agreeOnAll(invocation, client, loaded, trust)
    if (typeof selection === 'number') return selection
    if (canAsk(invocation)) await client.attend(leaving)
    const { plan, problems } = await client.reconcile({ selection, ...(http !== null && { http }) })
    showFurther(invocation, problems, loaded)
    if (exitCodeOf(problems) !== EXIT.fine) return exitCodeOf(problems)
    if (!options.json) terminal.note(wordPlan(plan, client.pid, terminal.color.err))
    const status = await client.status()
    noteOtherWatch(invocation, status, watch)
    noteHttp(invocation, status)
    noteEmpty(invocation, status)
    return client
  } catch (error) {
    if (problemOf(error).code !== 'NOT_RUNNING') throw error
    await untilGone(invocation, client)
    return 'gone'
  }
}

/** Who did not know that it runs learns it here. */
function wordPlan(plan: PlanJson, pid: number | null, color: boolean): string {
  const text = formatPlan(plan, { color }).trimEnd()
  const where = pid === null ? '' : ` (process ${pid})`
  return plan.changes.length > 0 ? text : `${text}: it runs already${where}`
}

/** Names are added to what runs: of that, too, the files may say something new by now. */
async function agreeOnAll(
  invocation: Invocation,
  client: ControlClient,
  { selection, sources }: LoadedSelection,
  trust: boolean,
): Promise<Selection | number> {
  if (selection.names === null) return selection
  const look = async (trusted: readonly string[]) => {
    const { waiting } = await client.trust({ selection, trusted: [...trusted] })
    return waiting
  }
  const trusted = await agree(invocation, look, { trust, sources })
  return typeof trusted === 'number' ? trusted : withTrust(selection, trusted)
}

/** Where health and metrics are served: a port that was left open has to be told. */
export function noteHttp({ terminal, options }: Invocation, { supervisor }: Status): void {
  if (supervisor.http && !options.json)
    terminal.note(`Health and metrics are on http://${supervisor.http.join(' and http://')}`)
}

/** A first file has everything in comments. */
export function noteEmpty({ terminal, options }: Invocation, { forwards }: Status): void {
  if (forwards.length === 0 && !options.json) terminal.note(NO_FORWARDS)
}

function noteOtherWatch({ terminal }: Invocation, { supervisor }: Status, watch: boolean): void {
  if (supervisor.watching === watch) return
  const does = watch
    ? 'was started with --no-watch and does not follow the file'
    : 'follows the file: --no-watch changes nothing now'
  terminal.note(`The running supervisor ${does}. Another start would: \`tunnels down\`, then \`tunnels up\``)
}

/** One that ends may still drain, and keeps the project's lock as long as it does. */
export async function untilGone({ terminal }: Invocation, { socket, pid }: ControlClient): Promise<void> {
  if (await isAlive(socket)) terminal.note('Waiting for the supervisor that is ending')
  for (
    const deadline = Date.now() + DRAIN_PATIENCE_MS;
    await isAlive(socket);
    await setTimeout(LOOK_AGAIN_MS)
  ) {
    if (Date.now() < deadline) continue
    throw new ProblemError({
      code: 'SUPERVISOR_UNREACHABLE',
      summary: `The supervisor (process ${pid}) is ending, and does not come to an end`,
      hint: `End it with \`kill ${pid}\``,
    })
  }
}

/** Resolves with the exit code when the supervisor ends, or nothing is left to hope for. */
async function stream(invocation: Invocation, client: ControlClient, signal: AbortSignal): Promise<number> {
  let followed: Followed | null = null
  try {
    const events = await client.openEvents(signal, { connections: invocation.options.json })
    const live = { control: steer(client), leaving: 'Ctrl-C leaves, the tunnels stay up' }
    const view = foregroundView(invocation, true, live)
    followed = await follow(invocation, client, view)
    if (!invocation.options.json && !view.live)
      void followed.settled.then((status) => tellTroubles(invocation, troubledForwards(status, null)))
    const reading = readAll(events, followed)
    const hopeless = await Promise.race([reading, followed.hopeless])
    await followed.stop()
    if (hopeless) {
      reading.catch(() => {})
      if (view.live) tellTroubles(invocation, troubledForwards(hopeless, null))
      return leaveHopeless(invocation, hopeless)
    }
    if (!signal.aborted) invocation.terminal.note('The supervisor has ended')
    return EXIT.fine
  } catch (error) {
    if (signal.aborted) return EXIT.fine
    // It took our selection a moment ago: it is not that nothing runs, but that it went.
    if (problemOf(error).code === 'NOT_RUNNING') throw new ProblemError(await brokenOff(client))
    throw error
  } finally {
    await followed?.stop()
  }
}

async function readAll(events: AsyncIterable<Event>, followed: Followed): Promise<null> {
  for await (const event of events) followed.see(event)
  return null
}

/** It is not ours to end: it may be told to try again, or the file may change. */
function leaveHopeless({ terminal }: Invocation, status: Status): number {
  const stays = 'The supervisor stays; `tunnels down` ends it'
  terminal.complain(`No forward is left that could come up without a change. ${stays}`)
  return terminal.hasPerson ? EXIT.failed : exitCodeOfForwards(forwardsMeant(status, null))
}
