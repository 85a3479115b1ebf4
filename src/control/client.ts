// Asks the supervisor of a project over its Unix socket. Every question has a bound in time: nothing listens
// is NOT_RUNNING, something that listens and does not answer is SUPERVISOR_UNREACHABLE.

import type { Status } from '../model/status.ts'
import type { PlanJson } from '../plan/plan.ts'
import type { HeldLease } from './answer-stream.ts'
import { askJson } from './ask.ts'
import { findHolder, type LockHolder } from './lock.ts'
import { formatLogsRequest } from './log-stream.ts'
import { checkRuntimeDir, lockDirOf, type ProjectPlace } from './paths.ts'
import {
  type AddressesAnswer,
  type AddressesRequest,
  type AnswerRequest,
  type DownRequest,
  type Event,
  type EventsRequest,
  type LeaseRequest,
  type LogLine,
  type LogsRequest,
  type PlanRequest,
  PROBE_MS,
  type ProbeAnswer,
  type ProbeRequest,
  type ReconcileAnswer,
  type ReconcileRequest,
  type RestartRequest,
  type StatusRequest,
  type TrustAnswer,
  type TrustRequest,
} from './protocol.ts'

/** Every call rejects with a ProblemError: NOT_RUNNING, SUPERVISOR_UNREACHABLE, or what the supervisor found wrong. */
export interface ControlClient {
  readonly pid: number | null
  readonly socket: string
  /** Version of the supervisor where it differs from ours. */
  readonly otherVersion: string | null
  /** Resolves when the process answers at all, whatever its version. */
  healthz(): Promise<void>
  status(request?: StatusRequest): Promise<Status>
  addresses(request?: AddressesRequest): Promise<AddressesAnswer>
  plan(request?: PlanRequest): Promise<PlanJson>
  trust(request?: TrustRequest): Promise<TrustAnswer>
  reconcile(request?: ReconcileRequest): Promise<ReconcileAnswer>
  down(request?: DownRequest): Promise<void>
  /** Holds what it opens until `signal` fires, or this process ends. */
  lease(request: LeaseRequest, signal: AbortSignal): Promise<HeldLease>
  restart(request?: RestartRequest): Promise<ReconcileAnswer>
  /** Whether a connection really passes, now. Resolves soon after the request's `timeoutMs` at the latest. */
  probe(request?: ProbeRequest, signal?: AbortSignal): Promise<ProbeAnswer>
  /** A person is here to answer prompts until `signal` fires. */
  attend(signal: AbortSignal): Promise<void>
  /** To a prompt of the status; null: no answer. */
  answer(request: AnswerRequest): Promise<void>
  /** Resolves once the stream is open, so that nothing later is missed. Reading rejects when it breaks off. */
  openEvents(signal: AbortSignal, request?: EventsRequest): Promise<AsyncIterable<Event>>
  /** Ends with the log, with `follow` when the supervisor does or when the signal fires. Reading rejects when it breaks off. */
  openLogs(request: LogsRequest, signal: AbortSignal): Promise<AsyncIterable<LogLine>>
}

const QUICK_MS = 5_000
/** Reading ssh_config for many hosts takes its time. */
const WORK_MS = 60_000

/** Finds the running supervisor of a project; null when there is none. */
export async function openControlClient(options: {
  place: ProjectPlace
  env: Readonly<Record<string, string | undefined>>
  version: string
}): Promise<ControlClient | null> {
  if (!(await checkRuntimeDir(options.env))) return null
  const holder = await findHolder(lockDirOf(options.place))
  return holder && clientOf(holder, options.version)
}

/** A client for a supervisor that was found by its socket. */
export function clientOf(holder: LockHolder, version: string): ControlClient {
  const ask = <T>(call: string, body: object | undefined, timeoutMs: number) =>
    askJson<T>({ holder, version, call, body, timeoutMs })
  const lasting = (call: string, signal: AbortSignal) => ({
    holder,
    version,
    call,
    body: undefined,
    timeoutMs: QUICK_MS,
    signal,
  })
  const healthz = async () => void (await ask('GET /healthz', undefined, QUICK_MS))
  /** One that does not even say that it lives is not waited for: it answers that whatever it does. */
  const work = async <T>(call: string, body: object | undefined, timeoutMs = WORK_MS) => {
    await healthz()
    return ask<T>(call, body, timeoutMs)
  }
  const other = holder.info?.version
  return {
    pid: holder.info?.pid ?? null,
    socket: holder.socket,
    otherVersion: other && other !== version ? other : null,
    healthz,
    status: ({ connections = false } = {}) =>
      ask(`GET /v1/status${connections ? '?connections=true' : ''}`, undefined, QUICK_MS),
    addresses: ({ auto = false } = {}) => ask(`GET /v1/addresses?auto=${auto}`, undefined, QUICK_MS),
    plan: (body) => work(body?.selection ? 'POST /v1/plan' : 'GET /v1/plan', body),
    trust: (body) => work(body ? 'POST /v1/trust' : 'GET /v1/trust', body),
    reconcile: (body = {}) => work('POST /v1/reconcile', body),
    lease: async (body, signal) => {
      await healthz()
      const question = { holder, version, call: 'POST /v1/lease', body, timeoutMs: WORK_MS, signal }
      return (await loadStreams()).askLease(question)
    },
    restart: (body = {}) => work('POST /v1/restart', body),
    down: async (body = {}) => {
      await work('POST /v1/down', body, WORK_MS + (body.drainMs ?? 0))
    },
    probe: (body = {}, signal) =>
      askJson({
        holder,
        version,
        call: 'POST /v1/probe',
        body,
        timeoutMs: (body.timeoutMs ?? PROBE_MS) + QUICK_MS,
        ...(signal && { signal }),
      }),
    answer: async (body) => {
      await ask('POST /v1/answer', body, QUICK_MS)
    },
    attend: async (signal) => {
      const { openStream } = await loadStreams()
      const events = await openStream(lasting('GET /v1/events?prompts=true', signal))
      // Nobody reads them here, and a stream that is not read is cut off.
      events.on('error', () => {}).resume()
    },
    openEvents: async (signal, { connections = false } = {}) =>
      (await loadStreams()).askLines<Event>(lasting(`GET /v1/events?connections=${connections}`, signal)),
    openLogs: async (request, signal) =>
      (await loadStreams()).askLines<LogLine>(lasting(`GET /v1/logs?${formatLogsRequest(request)}`, signal)),
  }
}

/** Most ask one question, and have no use for it. */
function loadStreams() {
  return import('./answer-stream.ts')
}
