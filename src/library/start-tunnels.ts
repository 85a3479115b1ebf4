// `startTunnels`: a project's tunnels inside the calling process, for tests and scripts. A supervisor of its own, with
// no control socket, no log and no signal handlers; what it opens is closed with it.

import { createRequire } from 'node:module'
import { loadProject } from '../config/load.ts'
import type { Event, Selection } from '../control/protocol.ts'
import { withDeadline } from '../model/deadline.ts'
import { isError, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import type { Status } from '../model/status.ts'
import type { PlanJson } from '../plan/plan.ts'
import { type ReadFiles, waitingFor } from '../supervisor/load-wanted.ts'
import { makeSelection } from '../supervisor/make-selection.ts'
import { type Supervisor, startSupervisor } from '../supervisor/supervisor.ts'
import { type Address, addressOf, variablesOf } from './address.ts'
import { loadOptionsOf, type ProjectOptions } from './load-project.ts'
import { whenHealthy } from './when-healthy.ts'
import { whenOpen } from './when-open.ts'

export interface StartOptions extends ProjectOptions {
  /** Accept what the files may do, as `--trust`, for this run; nothing is remembered. Default: false. */
  trust?: boolean
  /** Apply the files again whenever they are saved; default: false. */
  watch?: boolean
  /** Wait until the healthchecks of the files have passed, too; default: true. */
  healthy?: boolean
  /** How long all that is waited for may take, in milliseconds; default: 60,000. */
  timeoutMs?: number
  /** Ends the wait: what was opened is closed, and the promise rejects with its reason. */
  signal?: AbortSignal
}

/** Tunnels that run in this process, until `close` or the end of an `await using` block. */
export interface Tunnels extends AsyncDisposable {
  /** Where a forward is dialled: of a remote one, on its host. Throws a ProblemError for an unknown name, or where it has no port. */
  address(name: string): Address
  /** The variables of `tunnels env`, of the forwards that are selected. */
  env(): Record<string, string>
  /** As `tunnels status --json` has it. */
  status(): Status
  /** Is told what happens from now on, as `tunnels up --json` prints it; returns its stop. */
  watchEvents(listener: (event: Event) => void): () => void
  /** Looks at the files again now. Rejects with a ProblemError where they are wrong; then everything runs on. */
  reload(): Promise<PlanJson>
  /** Resolves when every port is free. `drainMs`: how long open connections may finish; default: 0. May be called twice. */
  close(options?: { drainMs?: number }): Promise<void>
}

const TIMEOUT_MS = 60_000

/**
 * Resolves when each selected forward is open, or idle where its host is on demand, and each healthcheck that the files
 * declare for one that is open here has passed once. Rejects with a ProblemError, and leaves nothing open, when the files
 * are wrong or wait for trust, when one cannot come up, or when time is up.
 */
export async function startTunnels(options: StartOptions = {}): Promise<Tunnels> {
  const { watch = false, healthy = true, timeoutMs = TIMEOUT_MS } = options
  const signal = withDeadline(options.signal ?? new AbortController().signal, timeoutMs)
  const { project, selection } = await select(options)
  const supervisor = await startSupervisor({ selection, watch, version: versionOf(), remembersTrust: false })
  try {
    await whenOpen(supervisor, signal)
    if (healthy) await whenHealthy(supervisor, project, signal)
    return tunnelsOf(supervisor)
  } catch (error) {
    await supervisor.down({})
    options.signal?.throwIfAborted()
    throw error
  }
}

function tunnelsOf(supervisor: Supervisor): Tunnels {
  const close = ({ drainMs = 0 }: { drainMs?: number } = {}) => supervisor.down({ drainMs })
  return {
    address: (name) => addressOf(supervisor.addresses(), name),
    env: () => variablesOf(supervisor.addresses()),
    status: () => supervisor.status(),
    watchEvents: (listener) => supervisor.watchEvents(listener),
    reload: async () => (await supervisor.reconcile({})).plan,
    close,
    [Symbol.asyncDispose]: close,
  }
}

async function select(options: StartOptions): Promise<{ project: Project; selection: Selection }> {
  const asked = loadOptionsOf(options)
  const { project, problems, files, environment, written } = await loadProject(asked)
  if (!project || !written) throw new ProblemError(problems.filter(isError))
  const selection = await makeSelection(project, files, asked)
  const read = { project, problems, environment, written }
  if (!options.trust) return { project, selection }
  return { project, selection: { ...selection, trusted: await everythingIn(read, selection) } }
}

/** A configuration that says something else each time it is read would never come to an end. */
const MOST_ROUNDS = 8

/** Hashes of all that waits: what was agreed to is looked into, and may lead to more. */
async function everythingIn(read: ReadFiles, selection: Selection): Promise<string[]> {
  const trusted: string[] = []
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const waiting = await waitingFor(read, { ...selection, trusted })
    if (waiting.length === 0) break
    trusted.push(...waiting.map(({ hash }) => hash))
  }
  return trusted
}

/** The package's own name leads to it from wherever this is built to. */
function versionOf(): string {
  return (createRequire(import.meta.url)('tunnels/package.json') as { version: string }).version
}
