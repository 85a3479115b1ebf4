// `tunnels up`: makes what the file says so. Checks it, then joins the supervisor that runs for the project, or
// becomes it, in the foreground or in the background.

import { parseDuration } from '../config/duration.ts'
import { ProblemError } from '../model/problem.ts'
import { withTrust } from '../supervisor/selection.ts'
import { agree } from './agree.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { type LoadedSelection, loadSelection } from './selection.ts'

export interface UpArguments {
  names: string[]
  detach: boolean
  watch: boolean
  dryRun: boolean
  /** `--wait`: until a connection has really gone through each. */
  wait: boolean
  /** `--http`: a port or an address:port; null: nowhere, or as before. */
  http: string | null
  /** A duration as the file writes it; null: a minute. */
  waitTimeout: string | null
  /** `--trust`. */
  trust: boolean
}

export async function up(invocation: Invocation, args: UpArguments): Promise<number> {
  const names = args.names.length > 0 ? args.names : null
  const waitMs = waitMsOf(args)
  await checkHttp(args.http)
  if (args.dryRun) {
    const { plan } = await import('./plan.ts')
    return plan(invocation, { names: args.names, detailedExitcode: false, asUp: true })
  }
  const read = await loadSelection(invocation, names)
  if (!read) return EXIT.usage
  const loaded = await withAgreement(invocation, read, args.trust)
  if (typeof loaded === 'number') return loaded
  if (args.detach || waitMs !== null) {
    const { upDetached } = await import('./up-detached.ts')
    return upDetached(invocation, loaded, { ...args, waitMs })
  }
  const { upForeground } = await import('./up-foreground.ts')
  return upForeground(invocation, loaded, args)
}

/** Before anything is read or opened. */
async function checkHttp(http: string | null): Promise<void> {
  if (http === null) return
  const { parseHttpAddress } = await import('../supervisor/http-end.ts')
  const sockets = parseHttpAddress(http)
  if (!sockets.ok) throw new ProblemError({ code: 'USAGE', summary: `--http ${sockets.complaint}` })
}

const DEFAULT_WAIT_MS = 60_000
/** What a timer can wait; 24 days. */
const LONGEST_MS = 2 ** 31 - 1

/** Null: it does not wait. */
function waitMsOf({ wait, waitTimeout }: UpArguments): number | null {
  if (waitTimeout === null) return wait ? DEFAULT_WAIT_MS : null
  const duration = parseDuration(waitTimeout)
  const complaint = duration.ok ? (wait ? null : 'goes with --wait') : duration.complaint
  if (complaint) throw new ProblemError({ code: 'USAGE', summary: `--wait-timeout ${complaint}` })
  return (duration.ok && duration.value) || LONGEST_MS
}

/** Before anything is opened or run. An exit code where nobody agrees, which has then been told. */
export async function withAgreement(
  invocation: Invocation,
  loaded: LoadedSelection,
  trust: boolean,
): Promise<LoadedSelection | number> {
  const { read, selection, sources } = loaded
  if (read.project.trust.length === 0) return loaded
  const { waitingFor } = await import('../supervisor/load-wanted.ts')
  const look = (trusted: readonly string[]) => waitingFor(read, withTrust(selection, trusted))
  const trusted = await agree(invocation, look, { trust, sources })
  return typeof trusted === 'number' ? trusted : { ...loaded, selection: withTrust(selection, trusted) }
}
