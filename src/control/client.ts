// Asks the supervisor of a project over its Unix socket. Every question has a bound in time: nothing listens
// is NOT_RUNNING, something that listens and does not answer is SUPERVISOR_UNREACHABLE.

import { type IncomingMessage, request } from 'node:http'
import { createInterface } from 'node:readline'
import { withDeadline } from '../model/deadline.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import type { PlanJson } from '../plan/plan.ts'
import { brokenOff } from './broken-off.ts'
import { findHolder, type LockHolder } from './lock.ts'
import { formatLogsRequest } from './log-stream.ts'
import { checkRuntimeDir, lockDirOf, type ProjectPlace } from './paths.ts'
import {
  type AddressesAnswer,
  type AddressesRequest,
  type AnswerRequest,
  type DownRequest,
  type ErrorAnswer,
  type Event,
  type EventsRequest,
  type LeaseAnswer,
  type LeaseRequest,
  type LogLine,
  type LogsRequest,
  type PlanRequest,
  PROBE_MS,
  PROTOCOL_VERSION,
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

const NEVER = new AbortController().signal

export interface HeldLease {
  answer: LeaseAnswer
  /** Resolves when it is held no more: the supervisor has ended, or (with a problem) is gone without a word. Never rejects. */
  readonly over: Promise<Problem | null>
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
  const stream = (call: string, signal: AbortSignal) =>
    openStream({ holder, version, call, body: undefined, timeoutMs: QUICK_MS, signal })
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
      return readLease(readLines<LeaseLine>(await openStream(question), holder, signal))
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
      const events = await stream('GET /v1/events?prompts=true', signal)
      // Nobody reads them here, and a stream that is not read is cut off.
      events.on('error', () => {}).resume()
    },
    openEvents: async (signal, { connections = false } = {}) =>
      readLines<Event>(await stream(`GET /v1/events?connections=${connections}`, signal), holder, signal),
    openLogs: async (request, signal) =>
      readLines<LogLine>(await stream(`GET /v1/logs?${formatLogsRequest(request)}`, signal), holder, signal),
  }
}

interface Question {
  holder: LockHolder
  version: string
  /** Method and path. */
  call: string
  body: object | undefined
  timeoutMs: number
  /** Leaves; the question then rejects with its reason. */
  signal?: AbortSignal
}

async function askJson<T>(question: Question): Promise<T> {
  const { signal = NEVER } = question
  const deadline = withDeadline(signal, question.timeoutMs)
  try {
    const response = await send(question, deadline)
    const text = await readText(response)
    if (response.statusCode === 200) return JSON.parse(text) as T
    throw new ProblemError((JSON.parse(text) as ErrorAnswer).problems)
  } catch (error) {
    signal.throwIfAborted()
    throw asProblem(error, question.holder, deadline.aborted)
  }
}

/** `timeoutMs`: until it is open; then it lasts until `signal` fires. */
async function openStream(question: Question & { signal: AbortSignal }): Promise<IncomingMessage> {
  const { holder, signal, timeoutMs } = question
  const opening = new AbortController()
  const timer = setTimeout(() => opening.abort(), timeoutMs)
  try {
    const response = await send(question, AbortSignal.any([signal, opening.signal]))
    if (response.statusCode === 200) return response
    throw new ProblemError((JSON.parse(await readText(response)) as ErrorAnswer).problems)
  } catch (error) {
    throw asProblem(error, holder, opening.signal.aborted)
  } finally {
    clearTimeout(timer)
  }
}

function send({ holder, version, call, body }: Question, signal: AbortSignal): Promise<IncomingMessage> {
  const [method, path] = call.split(' ') as [string, string]
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    host: 'tunnels',
    'tunnels-protocol': PROTOCOL_VERSION,
    'tunnels-version': version,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  }
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath: holder.socket, method, path, headers, signal, agent: false }, resolve)
    sent.once('error', reject)
    sent.end(text)
  })
}

async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

/** Ends with the stream, or when the signal fires. Rejects when it breaks off before its end: who wrote it is gone. */
async function* readLines<Line extends { event: string }>(
  response: IncomingMessage,
  { socket, info }: LockHolder,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
  response.on('error', () => lines.close())
  let isOver = false
  try {
    for await (const text of lines) {
      const line = parseLine<Line>(text)
      if (line === null) break
      isOver = line.event === 'end'
      yield line
    }
  } catch {
    // Broken off.
  }
  if (isOver || response.complete || signal.aborted) return
  throw new ProblemError(await brokenOff({ socket, pid: info?.pid ?? null }))
}

type LeaseLine = ({ event: 'lease' } & LeaseAnswer) | { event: 'end' }

/** The first line has been written with the header: it is there, or the supervisor is gone. */
async function readLease(lines: AsyncGenerator<LeaseLine>): Promise<HeldLease> {
  const first = await lines.next()
  if (first.done || first.value.event !== 'lease')
    throw new ProblemError({ code: 'NOT_RUNNING', summary: 'The supervisor is ending' })
  const over = lines.next().then(() => null, problemOf)
  return { answer: first.value, over }
}

/** Null for half a line: nobody is there any more to write the rest of it. */
function parseLine<Line>(text: string): Line | null {
  try {
    return JSON.parse(text) as Line
  } catch {
    return null
  }
}

function asProblem(error: unknown, holder: LockHolder, timedOut: boolean): ProblemError {
  if (error instanceof ProblemError) return error
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (timedOut) return unreachable(holder, 'does not answer')
  if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code)) return notRunning(holder)
  return unreachable(holder, `cannot be asked (${code || 'not an answer of tunnels'})`)
}

function notRunning(holder: LockHolder): ProblemError {
  const what = holder.info ? `${holder.info.folder}/${holder.info.file}` : 'this project'
  return new ProblemError({ code: 'NOT_RUNNING', summary: `Nothing is running for ${what}` })
}

function unreachable(holder: LockHolder, what: string): ProblemError {
  const pid = holder.info?.pid
  return new ProblemError({
    code: 'SUPERVISOR_UNREACHABLE',
    summary: `The supervisor${pid ? ` (process ${pid})` : ''} ${what}`,
    hint: pid
      ? `If it stays so, end it with \`kill -9 ${pid}\`, then \`tunnels up\``
      : 'Try again, or end it by hand',
  })
}
