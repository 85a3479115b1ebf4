// `tunnels up` in the foreground: this process is the project's supervisor until Ctrl-C, `tunnels down`, or
// until every forward has failed. Where one runs already it is joined instead.

import type { Event } from '../control/protocol.ts'
import { type ControlServer, openControlServer } from '../control/server.ts'
import type { Status } from '../model/status.ts'
import { type Supervisor, startSupervisor } from '../supervisor/supervisor.ts'
import { attach, noteEmpty, noteHttp } from './attach.ts'
import { endSupervisor, lostOf, yieldPlace } from './end-supervisor.ts'
import { EXIT, exitCodeOfForwards } from './exit-code.ts'
import { follow, foregroundView, forwardsMeant } from './follow.ts'
import type { Invocation } from './invocation.ts'
import { keepLog } from './keep-log.ts'
import { checkLog } from './log-path.ts'
import { canAsk } from './questions.ts'
import { type LoadedSelection, showFurther } from './selection.ts'
import { type EndSignal, listenForSignals, type Signals, signalExitCodes } from './signals.ts'
import { tellSystemd } from './tell-systemd.ts'
import { tellTroubles, troubledForwards } from './tell-troubles.ts'

export async function upForeground(
  invocation: Invocation,
  loaded: LoadedSelection,
  args: { watch: boolean; trust: boolean; http: string | null },
): Promise<number> {
  const { env, version } = invocation
  for (;;) {
    const server = await openControlServer({ place: loaded.place, env, version })
    if (server) return supervise(invocation, loaded, args, server)
    const code = await attach(invocation, loaded, args)
    if (code !== 'gone') return code
  }
}

async function supervise(
  invocation: Invocation,
  loaded: LoadedSelection,
  { watch, http }: { watch: boolean; http: string | null },
  server: ControlServer,
): Promise<number> {
  const { version, options } = invocation
  const { selection, place } = loaded
  checkLog(invocation, place)
  const keeping = keepLog(place, { verbose: options.verbose, version })
  const early = new EarlyEvents()
  let supervisor: Supervisor | null = null
  const signals = listenForSignals(() => void supervisor?.reconcile({}).catch(() => {}))
  try {
    const expectsPerson = canAsk(invocation)
    const starting = startSupervisor({
      selection,
      watch,
      http,
      version,
      onEvent: early.push,
      log: keeping.log,
      expectsPerson,
    })
    const started = await Promise.race([starting, signals.first])
    if (typeof started === 'string') return signalExitCodes[started]
    supervisor = started
    await server.serve(supervisor)
    if (!options.json) showFurther(invocation, supervisor.status().config.problems, loaded)
    noteHttp(invocation, supervisor.status())
    noteEmpty(invocation, supervisor.status())
    return await stayUp(invocation, supervisor, early, { signals, lost: lostOf(server) })
  } finally {
    signals.stop()
    await server.close()
    await keeping.stop()
  }
}

async function stayUp(
  invocation: Invocation,
  supervisor: Supervisor,
  early: EarlyEvents,
  { signals, lost }: { signals: Signals; lost: Promise<'lost'> },
): Promise<number> {
  const leave = canAsk(invocation) ? supervisor.attend() : () => {}
  const live = { control: supervisor, leaving: 'Ctrl-C closes everything' }
  const view = foregroundView(invocation, false, live)
  const followed = await follow(invocation, supervisor, view)
  // A person sees the first look's outcome as progress; a script gets every event.
  if (!invocation.options.json && !view.live)
    void followed.settled.then((status) => tellTroubles(invocation, troubledForwards(status, null)))
  void followed.settled.then((status) => tellSystemd(invocation, 'READY=1', `STATUS=${summaryOf(status)}`))
  early.handTo((event) => followed.see(event), { withEarly: invocation.options.json })
  const ending = await Promise.race([
    supervisor.ended.then(() => 'ended' as const),
    followed.hopeless.then(() => 'hopeless' as const),
    lost,
    signals.first,
  ])
  leave()
  void tellSystemd(invocation, 'STOPPING=1')
  await followed.stop()
  if (ending === 'hopeless' && view.live)
    tellTroubles(invocation, troubledForwards(supervisor.status(), null))
  // Where it is lines, the last event has said so.
  if (ending === 'ended' && view.live) invocation.terminal.note('Everything is closed, by `tunnels down`')
  return end(invocation, supervisor, ending, signals)
}

function summaryOf({ forwards }: Status): string {
  const open = forwards.filter(({ state }) => state === 'open' || state === 'idle').length
  return `${open} of ${forwards.length} forwards open`
}

/** Events from the very start, kept until somebody looks. */
class EarlyEvents {
  #waiting: Event[] = []
  #see: ((event: Event) => void) | null = null

  readonly push = (event: Event): void => {
    if (this.#see) this.#see(event)
    else this.#waiting.push(event)
  }

  handTo(see: (event: Event) => void, { withEarly }: { withEarly: boolean }): void {
    if (withEarly) for (const event of this.#waiting) see(event)
    this.#waiting = []
    this.#see = see
  }
}

async function end(
  invocation: Invocation,
  supervisor: Supervisor,
  ending: 'ended' | 'hopeless' | 'lost' | EndSignal,
  signals: Signals,
): Promise<number> {
  if (ending === 'ended') return EXIT.fine
  if (ending === 'hopeless') return giveUp(invocation, supervisor)
  if (ending === 'lost') return yieldPlace(invocation, supervisor)
  if (!invocation.options.json) invocation.terminal.note('Closing…')
  return endSupervisor(supervisor, ending, signals)
}

async function giveUp({ terminal }: Invocation, supervisor: Supervisor): Promise<number> {
  const forwards = forwardsMeant(supervisor.status(), null)
  terminal.complain('No forward is left that could come up without a change')
  await supervisor.down({})
  return terminal.hasPerson ? EXIT.failed : exitCodeOfForwards(forwards)
}
