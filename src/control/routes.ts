// What can be asked over the control socket: each path with what is read of the request, and what answers it.

import type { IncomingMessage, ServerResponse } from 'node:http'
import { isReady } from '../model/status.ts'
import { streamEvents } from './event-stream.ts'
import { holdLease } from './lease-stream.ts'
import { parseLogsRequest, streamLog } from './log-stream.ts'
import type { Control } from './protocol.ts'
import {
  readAnswer,
  readDown,
  readLease,
  readProbe,
  readReconcile,
  readRestart,
  readSelection,
  readTrust,
} from './request.ts'
import { readBody } from './request-body.ts'

export type Route = (session: Session, exchange: Exchange) => Promise<void>

export interface Exchange {
  request: IncomingMessage
  query: URLSearchParams
  response: ServerResponse
}

/** Who holds the socket. */
export interface Session {
  /** There as soon as there is something to ask. */
  readonly control: Promise<Control>
  /** Fires at the end. */
  readonly closing: AbortSignal
  answer(response: ServerResponse, status: number, body: object): void
  answerText(response: ServerResponse, contentType: string, text: string): void
  /** A JSON value a line, until one side has had enough. */
  beginLines(response: ServerResponse): void
  /** Gives the lock back. */
  release(): void
}

export const routes: Readonly<Record<string, Route>> = {
  'GET /healthz': async (session, { response }) => session.answer(response, 200, { ok: true }),
  'GET /readyz': async (session, { response }) => {
    const ready = isReady((await session.control).status())
    session.answer(response, ready ? 200 : 503, { ready })
  },
  'GET /v1/status': looking((control, isOn) => control.status({ connections: isOn('connections') })),
  'GET /v1/addresses': looking((control, isOn) => control.addresses({ auto: isOn('auto') })),
  'GET /v1/plan': looking((control) => control.plan({})),
  'POST /v1/plan': asking(readSelection, (control, asked) => control.plan(asked)),
  'GET /v1/trust': looking((control) => control.trust({})),
  'POST /v1/trust': asking(readTrust, (control, asked) => control.trust(asked)),
  'POST /v1/reconcile': asking(readReconcile, (control, asked) => control.reconcile(asked)),
  'POST /v1/lease': async (session, { request, response }) => {
    const control = await session.control
    const asked = readLease(await readBody(request))
    const answer = await control.lease(asked, goneOf(response))
    session.beginLines(response)
    holdLease(answer, response, session.closing)
  },
  'POST /v1/restart': asking(readRestart, (control, asked) => control.restart(asked)),
  'POST /v1/probe': asking(readProbe, (control, asked, gone) => control.probe(asked, gone)),
  'POST /v1/answer': asking(readAnswer, async (control, asked) => {
    await control.answer(asked)
    return {}
  }),
  'POST /v1/down': async (session, { request, response }) => {
    const body = readDown(await readBody(request))
    await (await session.control).down(body)
    // The next `up` may begin as soon as this is answered: the lock is free before.
    if (!body.names) session.release()
    session.answer(response, 200, {})
  },
  'GET /v1/events': async (session, { query, response }) => {
    const control = await session.control
    session.beginLines(response)
    const asked = { connections: isOn(query, 'connections'), prompts: isOn(query, 'prompts') }
    streamEvents(control, asked, response, session.closing)
  },
  'GET /v1/logs': async (session, { query, response }) => {
    const [control, asked] = [await session.control, parseLogsRequest(query)]
    session.beginLines(response)
    await streamLog(control, asked, response, session.closing)
  },
  'GET /metrics': async (session, { response }) => {
    const status = (await session.control).status()
    const { formatMetrics } = await import('./metrics.ts')
    const { contentType, text } = await formatMetrics(status)
    session.answerText(response, contentType, text)
  },
}

/** `isOn`: the query has `KEY=true`. */
function looking(
  look: (control: Control, isOn: (key: string) => boolean) => object | Promise<object>,
): Route {
  return async (session, { query, response }) => {
    const answer = await look(await session.control, (key) => isOn(query, key))
    session.answer(response, 200, answer)
  }
}

/** `read`: what the body says, or a ProblemError. `gone` fires when nobody waits for the answer any more. */
function asking<T>(
  read: (body: Record<string, unknown>) => T,
  ask: (control: Control, asked: T, gone: AbortSignal) => Promise<object>,
): Route {
  return async (session, { request, response }) => {
    const control = await session.control
    const asked = read(await readBody(request))
    session.answer(response, 200, await ask(control, asked, goneOf(response)))
  }
}

function isOn(query: URLSearchParams, key: string): boolean {
  return query.get(key) === 'true'
}

function goneOf(response: ServerResponse): AbortSignal {
  const gone = new AbortController()
  response.once('close', () => gone.abort())
  return gone.signal
}
