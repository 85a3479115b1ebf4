// `tunnels up -d`: hands the selection to the supervisor in the background, starting one where none runs, and
// returns when the first attempt of each forward has come to something.

import { type ControlClient, openControlClient } from '../control/client.ts'
import { ProblemError } from '../model/problem.ts'
import type { ForwardStatus, Status } from '../model/status.ts'
import { formatJson } from '../view/json.ts'
import { bring, noteEmpty, noteHttp } from './attach.ts'
import { exitCodeOfForwards } from './exit-code.ts'
import { firstOutcome } from './first-outcome.ts'
import type { Invocation } from './invocation.ts'
import { canAsk } from './questions.ts'
import { type LoadedSelection, showFurther } from './selection.ts'
import { spawnSupervisor } from './spawn-supervisor.ts'
import { tellTroubles, troubledForwards, troubleOf } from './tell-troubles.ts'
import { tellKept } from './tell-waiting.ts'
import { type Carried, untilCarried } from './until-carried.ts'

export async function upDetached(
  invocation: Invocation,
  loaded: LoadedSelection,
  args: { names: string[]; watch: boolean; trust: boolean; http: string | null; waitMs: number | null },
): Promise<number> {
  const leaving = new AbortController()
  try {
    const client = await bringOrSpawn(invocation, loaded, args, leaving.signal)
    if (typeof client === 'number') return client
    const names = args.names.length > 0 ? args.names : null
    if (args.waitMs !== null) {
      const waiting = { names, timeoutMs: args.waitMs, onFailures: tellWaiting(invocation) }
      const outcome = await untilCarried(invocation, client, waiting)
      return reportCarried(invocation, outcome)
    }
    const status = await firstOutcome(invocation, client, { names, timeoutMs: patienceMs(loaded) })
    return report(invocation, status, names)
  } finally {
    leaving.abort()
  }
}

async function bringOrSpawn(
  invocation: Invocation,
  loaded: LoadedSelection,
  args: { watch: boolean; trust: boolean; http: string | null },
  leaving: AbortSignal,
): Promise<ControlClient | number> {
  for (;;) {
    const client = await bring(invocation, loaded, args, leaving)
    if (client !== 'gone') return client
    const spawned = await spawnSupervisor(invocation, loaded, args)
    if (spawned === 'started') return joinOwn(invocation, loaded, leaving)
  }
}

async function joinOwn(
  invocation: Invocation,
  loaded: LoadedSelection,
  leaving: AbortSignal,
): Promise<ControlClient> {
  const { env, version } = invocation
  const { place } = loaded
  const client = await openControlClient({ place, env, version })
  if (!client)
    throw new ProblemError({ code: 'NOT_RUNNING', summary: 'The supervisor ended as soon as it had started' })
  if (canAsk(invocation)) await client.attend(leaving)
  const status = await client.status()
  showFurther(invocation, status.config.problems, loaded)
  noteHttp(invocation, status)
  noteEmpty(invocation, status)
  return client
}

/** The longest that one attempt may take through every hop, and time to spare. */
function patienceMs({ project }: LoadedSelection): number {
  const hosts = [...project.hosts.values()]
  const connectMs = Math.max(10_000, ...hosts.map((host) => host.connectTimeoutMs ?? 0))
  const hops = Math.max(1, ...hosts.map((host) => 1 + (host.proxyJump?.length ?? 0)))
  return connectMs * Math.max(hops, Math.min(hosts.length, 4)) + 10_000
}

/** What is still opening is told by the progress lines, which nobody may write between. */
function tellWaiting({ options, terminal }: Invocation): (kept: readonly ForwardStatus[]) => void {
  const tell = tellKept(terminal)
  return (kept) => {
    if (!options.json && kept.every(({ state }) => state !== 'opening')) tell(kept)
  }
}

/** Names what carries nothing, and why. */
function reportCarried(invocation: Invocation, { status, failures }: Carried): number {
  const { options, terminal } = invocation
  if (options.json)
    terminal.print(`${formatJson(failures.length > 0 ? { problems: failures.map(troubleOf) } : status)}\n`)
  else if (failures.length > 0) tellLeft(invocation, failures, 'is open, but nothing gets through')
  else if (status.forwards.length > 0) terminal.note('Each forward carries')
  return exitCodeOfForwards(failures)
}

/** Names what has not come up. */
function report(invocation: Invocation, status: Status, names: string[] | null): number {
  const { options, terminal } = invocation
  const troubled = troubledForwards(status, names)
  if (options.json) {
    const answer = troubled.length > 0 ? { problems: troubled.map(troubleOf) } : status
    terminal.print(`${formatJson(answer)}\n`)
  } else tellLeft(invocation, troubled)
  return exitCodeOfForwards(troubled)
}

/** All stays up, and what can heal goes on trying: an exit code that is not 0 would make one think otherwise. */
function tellLeft(invocation: Invocation, troubled: readonly ForwardStatus[], how?: string): void {
  if (troubled.length === 0) return
  tellTroubles(invocation, troubled, how)
  const isTried = troubled.some(({ state }) => state === 'retrying' || state === 'opening')
  const goesOn = isTried ? 'It is tried again in the background' : 'The project stays up in the background'
  invocation.terminal.note(`${goesOn}, until \`tunnels down\``)
}
