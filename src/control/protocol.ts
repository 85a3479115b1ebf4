// The wire contract between a supervisor and whoever asks it: one set of types for both sides of the
// Unix socket (HTTP/1.1 with JSON, newline-delimited for streams), so that `curl --unix-socket` works too.

import type { SocketAddress } from '../model/address.ts'
import type { ConnectionNews } from '../model/connection.ts'
import type { Problem } from '../model/problem.ts'
import type { ForwardKind } from '../model/project.ts'
import type { Prompt } from '../model/prompt.ts'
import type { Status } from '../model/status.ts'
import type { TrustItem } from '../model/trust.ts'
import type { Variables } from '../model/variables.ts'
import type { PlanJson } from '../plan/plan.ts'

/** Bumped when an older side could misread a newer one; sent as `tunnels-protocol` by both. */
export const PROTOCOL_VERSION = 1

/** What the supervisor holds besides the files: which of them, which part, seen with whose environment. */
export interface Selection {
  /** Absolute paths, in merge order. */
  files: string[]
  /** They were looked for, not named: an override beside the first one counts. */
  found?: boolean
  /** What `-` among the files read; absent where there is none. */
  input?: string
  envFile: string | null
  profiles: string[]
  /** Forwards or hosts by name; null: everything that the profiles select. */
  names: string[] | null
  /** Those that an `up NAME` added to everything that the profiles select. */
  also?: string[]
  /** Forwards stopped by name. */
  stopped: string[]
  /** The variables that the files mention, and the few that every host needs. Never logged. */
  environment: Record<string, string>
  projectName: string | null
  /** Hashes of the parts of the files that somebody has just agreed to; absent: of none. */
  trusted?: string[]
}

/** POST /v1/reconcile: `selection` replaces what is held, but names are added to those selected; absent: look again. */
export interface ReconcileRequest {
  selection?: Selection
  /** Forwards, or hosts, that are selected again; all else of what is held stays. Not together with `selection`. */
  names?: string[]
  /** Hashes of the parts of the files that somebody has just agreed to; they are remembered. */
  trusted?: string[]
  /** Where health and metrics are to be served from now on, as `up --http` has it; absent: as before. */
  http?: string
}

/** The answer to reconcile, down NAME and restart: what was done at once. What becomes of it are events. */
export interface ReconcileAnswer {
  plan: PlanJson
  problems: Problem[]
}

/** POST /v1/down: without names it ends the supervisor, too; answered when the ports are free. */
export interface DownRequest {
  names?: string[]
  drainMs?: number
}

/**
 * POST /v1/lease: opens what `selection` names beside all that is held, and holds it for as long as this one answer is
 * being read. `pid`: for people. `autoPorts`: it listens on free ports of this machine, whatever the file says.
 */
export interface LeaseRequest {
  selection: Selection
  pid?: number
  autoPorts?: boolean
}

/** The answer's first line; another line, an `end` event, comes when the supervisor ends. `forwards`: by name. */
export interface LeaseAnswer extends ReconcileAnswer {
  forwards: string[]
}

/** POST /v1/restart. */
export interface RestartRequest {
  names?: string[]
  /** As in {@link ReconcileRequest}. */
  trusted?: string[]
}

/**
 * POST /v1/probe: sends one connection through each forward now, as its healthcheck says, else until the target has
 * taken it. `names`: forwards, or hosts for all forwards via them; absent: all that run. An idle host is woken for it.
 */
export interface ProbeRequest {
  names?: string[]
  /** For all of it, at most ten minutes; absent: 10,000. */
  timeoutMs?: number
  /** Where a forward listens on a chosen port, too, only that one has to be open. */
  auto?: boolean
}

/** How long a probe may take where nobody says. */
export const PROBE_MS = 10_000

/** `problem`: why nothing passed; null: it did, through SSH and to the target. One that does not listen has not. */
export interface ProbeAnswer {
  forwards: { name: string; problem: Problem | null }[]
}

/** POST /v1/answer: to each field of a prompt, in order; null: no answer. The answers are never told to anybody. */
export interface AnswerRequest {
  id: string
  answers: string[] | null
}

/** GET /v1/trust: with the running selection. POST /v1/trust: what an `up` with another one would have to ask. */
export interface TrustRequest {
  selection?: Selection
  /** As {@link LeaseRequest} takes it: it replaces nothing. */
  lease?: boolean
  /** As in {@link ReconcileRequest}, but not remembered. */
  trusted?: string[]
}

/** The parts of the files, as they are now, that nobody has agreed to yet. */
export interface TrustAnswer {
  waiting: TrustItem[]
}

/** GET /v1/plan: with the running selection. POST /v1/plan: what `up` would do with another one. */
export interface PlanRequest {
  selection?: Selection
}

/** GET /v1/status?connections=true: with each connection that is open. */
export interface StatusRequest {
  connections?: boolean
}

/** GET /v1/addresses?auto=true: of those that listen on a chosen port, too, that one. */
export interface AddressesRequest {
  auto?: boolean
}

/** GET /v1/addresses: every forward of the file that is held, as a program reaches it. */
export interface AddressesAnswer {
  forwards: ForwardAddress[]
}

export interface ForwardAddress {
  name: string
  kind: ForwardKind
  via: string
  /** It runs, or is to. */
  selected: boolean
  /** What to dial; of a remote forward, on its host. Null while its port is still to be chosen. */
  address: SocketAddress | null
  /** For programs; empty for none, null for those of an address that is not known. */
  variables: Variables | null
  /** Why it does not listen there; null where it does, and of one that is not selected. */
  problem: Problem | null
}

/** One line of `GET /v1/events`, `up --json` and `logs -f --json`. */
export type Event =
  | {
      time: string
      event: 'state'
      what: 'host' | 'forward'
      name: string
      state: string
      /** Of a forward that is checked; absent: it is not known. */
      health?: 'healthy' | 'unhealthy'
      problem: Problem | null
    }
  | { time: string; event: 'plan'; plan: PlanJson }
  | { time: string; event: 'config'; state: Status['config']['state']; problems: Problem[] }
  | { time: string; event: 'problem'; what: 'host' | 'forward'; name: string; problem: Problem }
  | ConnectionEvent
  | PromptEvent
  | { time: string; event: 'end' }

/** `prompt`: what the host asks now; null: nothing any more. */
export interface PromptEvent {
  time: string
  event: 'prompt'
  what: 'host'
  name: string
  prompt: Prompt | null
}

/** `untold`: that many more came to nothing since the last line about them, and were only counted. */
export type ConnectionEvent = {
  time: string
  event: 'connection'
  what: 'forward'
  name: string
  untold?: number
} & ConnectionNews

export type LogLevel = 'debug' | 'info' | 'warn' | 'error'

/** One line of the log, of `GET /v1/logs` and of `logs --json`: an event, or what only a log can tell. */
export type LogLine = { level: LogLevel } & (Event | LogEvent)

/** `lost`: the disk did not keep up. `removed`: the log was, and begins anew. `output`: what something else wrote to the supervisor's stderr. */
export type LogEvent =
  | { time: string; event: 'start'; pid: number; version: string }
  | { time: string; event: 'crash'; problem: Problem }
  | { time: string; event: 'lost'; lines: number }
  | { time: string; event: 'removed'; pid: number }
  | { time: string; event: 'output'; text: string }

/** GET /v1/logs?lines=100&since=2026-03-01T11:55:00.000Z&name=web&level=debug&follow=true: all of them may be absent. */
export interface LogsRequest {
  /** The last so many of those that are meant; null: all. */
  lines: number | null
  /** ISO 8601, UTC; null: from the beginning. */
  since: string | null
  /** Forwards, or hosts: then all forwards via them, too. Empty: everything. */
  names: string[]
  /** What matters less is left out. `debug` has each connection, in the file only where `up --verbose` put it there. */
  level: LogLevel
  /** Goes on with what happens. */
  follow: boolean
}

/**
 * GET /v1/events?connections=true&prompts=true. `connections`: each connection, too. `prompts`: a person is at the
 * other end, for as long as the stream lives, and answers what hosts ask.
 */
export interface EventsRequest {
  connections?: boolean
  prompts?: boolean
}

/** Any answer that is not 2xx. */
export interface ErrorAnswer {
  problems: Problem[]
}

/** What the server needs of a supervisor; the in-process `up` uses the same. Rejections are ProblemErrors. */
export interface Control {
  status(request?: StatusRequest): Status
  addresses(request?: AddressesRequest): AddressesAnswer
  plan(request: PlanRequest): Promise<PlanJson>
  trust(request: TrustRequest): Promise<TrustAnswer>
  reconcile(request: ReconcileRequest): Promise<ReconcileAnswer>
  down(request: DownRequest): Promise<void>
  /** It is held until `gone` fires. */
  lease(request: LeaseRequest, gone: AbortSignal): Promise<LeaseAnswer>
  restart(request: RestartRequest): Promise<ReconcileAnswer>
  /** Rejects with USAGE for an unknown name. Ends when `signal` fires, too: then nobody reads the answer. */
  probe(request: ProbeRequest, signal: AbortSignal): Promise<ProbeAnswer>
  /** Somebody is there to answer prompts until the returned function is called. */
  attend(): () => void
  /** Rejects with USAGE when the question is not open, or has another number of fields. */
  answer(request: AnswerRequest): Promise<void>
  /** Returns its stop. Listeners are called in order, never after the stop. */
  watchEvents(listener: (event: Event) => void): () => void
  /**
   * Tells the lines of the log that are meant; resolves when the last of them has been told, with `follow` when the
   * signal fires. Nothing is missed or told twice in between.
   */
  readLog(request: LogsRequest, tell: (line: LogLine) => void, signal: AbortSignal): Promise<void>
}
