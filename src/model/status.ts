// What is true now: the value behind `tunnels status`, exactly as its JSON is printed (schema/status.schema.json).

import type { Problem } from './problem.ts'
import type { Prompt } from './prompt.ts'

/**
 * opening → open ⇄ retrying (heals by itself), waiting (needs a person), failed (does not heal by itself),
 * idle (on demand, not connected), draining → closed.
 */
export type State = 'opening' | 'open' | 'retrying' | 'waiting' | 'idle' | 'draining' | 'failed' | 'closed'

export interface Status {
  project: string
  files: string[]
  config: ConfigStatus
  supervisor: SupervisorStatus
  hosts: HostStatus[]
  forwards: ForwardStatus[]
  /** What is held open for as long as a `tunnels run` lives; absent: nothing. */
  leases?: LeaseStatus[]
}

export interface LeaseStatus {
  /** Of `tunnels run`; null where it did not say. */
  pid: number | null
  since: string
  /** Names of those that it selects, also when something else selects them, too. */
  forwards: string[]
}

export interface ConfigStatus {
  /** invalid: the file on disk is broken, the last good one runs. */
  state: 'current' | 'invalid' | 'untrusted'
  /** Counts the versions of the file that were taken. */
  generation: number
  loadedAt: string | null
  problems: Problem[]
}

export interface SupervisorStatus {
  pid: number
  startedAt: string
  version: string
  watching: boolean
  /** Where `up --http` serves; absent: nowhere. */
  http?: string[]
}

export interface HostStatus {
  name: string
  /** Of the connection that serves; of the one that is tried where none does. */
  endpoint: string
  state: State
  since: string
  rttMs: number | null
  /** Connections made again that nobody asked for: after a loss, not for a change. */
  reconnects: number
  retryAt: string | null
  problem: Problem | null
  /** What a person has to answer; absent: nothing. */
  prompt?: Prompt
  /** What takes the place of the connection that serves, once it can be made; absent: nothing. */
  next?: NextConnection
}

/** `since`: of the change that asked for it. `problem` of its host says what keeps it. */
export interface NextConnection {
  endpoint: string
  state: State
  since: string
}

export interface ForwardStatus {
  name: string
  kind: 'local' | 'remote' | 'dynamic'
  via: string
  /** What is really bound; for `remote` as asked, with the port that the server chose. */
  listen: string[]
  to: string
  state: State
  since: string
  health: 'unknown' | 'healthy' | 'unhealthy'
  connections: ConnectionCounts
  bytes: { in: number; out: number }
  problem: Problem | null
  description?: string
  /** Those that are open now; only where somebody asks for them. */
  openConnections?: ConnectionStatus[]
}

export interface ConnectionStatus {
  /** Who knocked: `127.0.0.1:50312`; null where nobody can know, as behind a Unix socket. */
  from: string | null
  /** The client, where it runs on this machine and the system tells. */
  process: { pid: number; name: string } | null
  /** As the client asked for it; null while it has not. */
  to: string | null
  since: string
  bytes: { in: number; out: number }
  draining: boolean
}

export interface ConnectionCounts {
  active: number
  draining: number
  total: number
  /** The target could not be reached. */
  failed: number
  /** Turned away by allow_from, allow_to, auth or a limit. */
  refused: number
}

/** What `status --check` and /readyz mean by "well": each is open (or idle, or going), and none is unhealthy. */
export function isReady(status: Pick<Status, 'forwards'>): boolean {
  const isWell = ({ state, health }: ForwardStatus) =>
    ['open', 'idle', 'draining', 'closed'].includes(state) && health !== 'unhealthy'
  return status.forwards.every(isWell)
}
