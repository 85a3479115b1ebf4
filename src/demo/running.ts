// The real thing, in this process: a supervisor for the demo's file behind its control socket, exactly as
// `tunnels up` runs it, so that `tunnels status` in a second terminal works.

import { identifyProject, placeProject } from '../control/paths.ts'
import type { Control, Event, Selection } from '../control/protocol.ts'
import { openControlServer } from '../control/server.ts'
import { ProblemError } from '../model/problem.ts'
import type { ForwardStatus } from '../model/status.ts'
import type { PlanJson } from '../plan/plan.ts'
import { loadWanted } from '../supervisor/load-wanted.ts'
import { startSupervisor } from '../supervisor/supervisor.ts'

export interface Running {
  control: Control
  /** Resolves when somebody has ended it, `tunnels down` in a second terminal for one. */
  ended: Promise<void>
  /** Closes every forward and the socket. */
  stop(): Promise<void>
}

/** Rejects with a ProblemError. */
export async function startRunning(file: string, version: string): Promise<Running> {
  const identity = await identifyProject(file, { cwd: process.cwd(), projectName: null })
  const place = placeProject(identity, process.env)
  const server = await openControlServer({ place, env: process.env, version })
  if (!server) throw new ProblemError({ code: 'INTERNAL', summary: `${file} runs already` })
  try {
    const selection = await trustOwn(selectAll(file))
    const supervisor = await startSupervisor({ selection, watch: true, version, remembersTrust: false })
    await server.serve(supervisor)
    const stop = async () => {
      await supervisor.down({}).finally(() => server.close())
    }
    return { control: supervisor, ended: supervisor.ended, stop }
  } catch (error) {
    await server.close()
    throw error
  }
}

/** The demo's file mentions no variable and needs nothing from the environment: no agent, no home. */
function selectAll(file: string): Selection {
  return {
    files: [file],
    envFile: null,
    profiles: [],
    names: null,
    stopped: [],
    environment: {},
    projectName: null,
  }
}

/** Who wrote the file knows what it does; and nothing of it is left behind. */
async function trustOwn(selection: Selection): Promise<Selection> {
  const { trust } = await loadWanted(selection, { untrusted: 'leave out' })
  return { ...selection, trusted: trust.waiting.map(({ hash }) => hash) }
}

/** Rejects when one of them cannot open by itself, and with what is wrong when `signal` fires first. */
export async function untilOpen(control: Control, names: string[], signal: AbortSignal): Promise<void> {
  const unopened = () => {
    const { forwards } = control.status()
    return names.flatMap((name) => {
      const forward = forwards.find((forward) => forward.name === name)
      return forward?.state === 'open' ? [] : [{ name, forward }]
    })
  }
  const isDone = () => {
    const hopeless = unopened().find(({ forward }) => forward && isHopeless(forward))
    if (hopeless) throw notOpen(hopeless)
    return unopened().length === 0
  }
  await untilEvent(control, isDone, signal).catch((error: unknown) => {
    const [first] = unopened()
    throw signal.aborted && first ? notOpen(first) : error
  })
}

/** The next plan that changes something; call before whatever brings it about. Rejects when the file is refused. */
export async function nextPlan(control: Control, signal: AbortSignal): Promise<PlanJson> {
  let plan: PlanJson | undefined
  const isDone = (event?: Event) => {
    if (event?.event === 'config' && event.problems.length > 0) throw new ProblemError(event.problems)
    if (event?.event === 'plan' && event.plan.changes.length > 0) plan = event.plan
    return plan !== undefined
  }
  await untilEvent(control, isDone, signal)
  return plan as PlanJson
}

function untilEvent(
  control: Control,
  isDone: (event?: Event) => boolean,
  signal: AbortSignal,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (how: () => void) => {
      stop()
      signal.removeEventListener('abort', onAbort)
      how()
    }
    const look = (event?: Event) => {
      try {
        if (isDone(event)) settle(resolve)
      } catch (error) {
        settle(() => reject(error))
      }
    }
    const onAbort = () => settle(() => reject(signal.reason))
    const stop = control.watchEvents(look)
    signal.addEventListener('abort', onAbort, { once: true })
    look()
  })
}

function isHopeless(forward: ForwardStatus): boolean {
  return forward.state === 'failed' || forward.state === 'waiting'
}

function notOpen({ name, forward }: { name: string; forward: ForwardStatus | undefined }): ProblemError {
  const summary = `The forward ${name} did not open: it is ${forward?.state ?? 'not there'}`
  return new ProblemError(forward?.problem ?? { code: 'INTERNAL', summary })
}
