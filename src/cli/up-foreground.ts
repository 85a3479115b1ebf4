// `tunnels up` in the foreground: this process is the project's supervisor until Ctrl-C, `tunnels down`, or
// until every forward has failed. Where one runs already it is joined instead.

import { type ControlServer, openControlServer } from '../control/server.ts'
import { type Supervisor, startSupervisor } from '../supervisor/supervisor.ts'
import { attach } from './attach.ts'
import { EXIT, exitCodeOfRows } from './exit-code.ts'
import { type Followed, follow, foregroundView, forwardsMeant } from './follow.ts'
import type { Invocation } from './invocation.ts'
import type { LoadedSelection } from './selection.ts'
import { type EndSignal, listenForSignals, type Signals, signalExitCodes } from './signals.ts'

/** How long SIGTERM lets open connections finish. */
const DRAIN_MS = 25_000

export async function upForeground(
  invocation: Invocation,
  loaded: LoadedSelection,
  args: { watch: boolean },
): Promise<number> {
  const { env, version } = invocation
  for (;;) {
    const server = await openControlServer({ place: loaded.place, env, version })
    if (server) return supervise(invocation, loaded, args, server)
    const code = await attach(invocation, loaded)
    if (code !== 'gone') return code
  }
}

async function supervise(
  invocation: Invocation,
  { selection }: LoadedSelection,
  { watch }: { watch: boolean },
  server: ControlServer,
): Promise<number> {
  let supervisor: Supervisor | null = null
  const signals = listenForSignals(() => void supervisor?.reconcile({}).catch(() => {}))
  try {
    supervisor = await startSupervisor({ selection, watch, version: invocation.version })
    await server.serve(supervisor)
    return await stayUp(invocation, supervisor, signals)
  } finally {
    signals.stop()
    await server.close()
  }
}

async function stayUp(invocation: Invocation, supervisor: Supervisor, signals: Signals): Promise<number> {
  const early: Parameters<Followed['see']>[0][] = []
  let see: Followed['see'] = (event) => void early.push(event)
  const stop = supervisor.watchEvents((event) => see(event))
  const followed = await follow(invocation, async () => supervisor.status(), foregroundView(invocation))
  see = (event) => followed.see(event)
  for (const event of early) followed.see(event)
  try {
    const ending = await Promise.race([
      supervisor.ended.then(() => 'ended' as const),
      followed.hopeless.then(() => 'hopeless' as const),
      signals.first,
    ])
    await followed.stop()
    return await end(invocation, supervisor, ending, signals)
  } finally {
    stop()
  }
}

async function end(
  invocation: Invocation,
  supervisor: Supervisor,
  ending: 'ended' | 'hopeless' | EndSignal,
  signals: Signals,
): Promise<number> {
  if (ending === 'ended') return EXIT.fine
  if (ending === 'hopeless') return giveUp(invocation, supervisor)
  const drainMs = ending === 'SIGTERM' ? DRAIN_MS : 0
  if (!invocation.options.json) invocation.terminal.note('Closing…')
  await Promise.race([supervisor.down({ drainMs }), signals.second])
  return signalExitCodes[ending]
}

async function giveUp({ terminal }: Invocation, supervisor: Supervisor): Promise<number> {
  const forwards = forwardsMeant(supervisor.status(), null)
  await supervisor.down({})
  terminal.complain('No forward came up, and none will without a change')
  const code = exitCodeOfRows(forwards)
  return terminal.hasPerson ? EXIT.failed : code
}
