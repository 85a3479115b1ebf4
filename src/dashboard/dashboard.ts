// `tunnels dashboard`: serves one page on loopback, and what it needs to show and to steer one project. The page, its
// stream of news and three questions are all that there is.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { RefusedRequest, readBody } from '../control/request-body.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import { act, acts } from './act.ts'
import { type Audience, type Find, openAudience } from './audience.ts'
import { PAGE, questionOf, whyRefused } from './gate.ts'
import type { News } from './news.ts'
import { makeAgainPage, makePage, type Page, type PageParts } from './page.ts'
import { makeToken } from './token.ts'

export interface Dashboard {
  /** With the token: whoever has it sees and steers the project. */
  readonly url: string
  /** Ends what is under way. Never rejects. */
  close(): Promise<void>
}

export interface DashboardOptions {
  find: Find
  /** What to call the project while nothing runs. */
  project: string
  parts: PageParts
}

/** A person has a few tabs; anybody else may not use up our descriptors. */
const MOST_CONNECTIONS = 64
const MOST_STREAMS = 16
const REQUEST_MS = 3_000
const LOOK_MS = 1_000
const HEADER_BYTES = 16 * 1024
const BODY_BYTES = 4 * 1024
/** A page that does not read is cut off before its news become our memory. */
const BACKLOG_BYTES = 8 * 1024 * 1024

/** Rejects with a ProblemError (LISTEN_FAILED) where nothing can listen on loopback. */
export async function openDashboard({ find, project, parts }: DashboardOptions): Promise<Dashboard> {
  const session: Session = {
    gate: { port: 0, token: makeToken() },
    find,
    audience: openAudience(find, project),
    page: makePage(parts),
    again: makeAgainPage(parts),
    streams: new Set(),
  }
  const server = createServer(
    {
      requestTimeout: REQUEST_MS,
      headersTimeout: REQUEST_MS,
      connectionsCheckingInterval: LOOK_MS,
      maxHeaderSize: HEADER_BYTES,
    },
    (request, response) => void take(session, request, response),
  )
  server.maxConnections = MOST_CONNECTIONS
  session.gate.port = await listen(server)
  return {
    url: `http://127.0.0.1:${session.gate.port}/?token=${session.gate.token}`,
    close: async () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      server.closeAllConnections()
      await closed
    },
  }
}

interface Session {
  gate: { port: number; token: string }
  find: Find
  audience: Audience
  page: Page
  again: Page
  streams: Set<ServerResponse>
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    const failed = ({ code }: NodeJS.ErrnoException) =>
      reject(
        new ProblemError({ code: 'LISTEN_FAILED', summary: `Nothing can listen on 127.0.0.1 (${code})` }),
      )
    server.once('error', failed)
    server.listen({ host: '127.0.0.1', port: 0 }, () => {
      server.off('error', failed).on('error', () => {})
      resolve((server.address() as AddressInfo).port)
    })
  })
}

async function take(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
  response.on('error', () => {})
  try {
    await answer(session, request, response)
  } catch (error) {
    request.resume()
    if (error instanceof RefusedRequest) sendJson(response, error.status, { problems: [error.problem] })
    else
      sendJson(response, 400, {
        problems: error instanceof ProblemError ? error.problems : [problemOf(error)],
      })
  }
}

async function answer(session: Session, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const why = whyRefused(request, session.gate)
  const question = questionOf(request)
  if (why !== null) {
    request.resume()
    // Only a browser of this machine that uses our name gets words, and the way back.
    if (question === PAGE && why === 'only with the token') return sendPage(response, 403, session.again)
    return send(response, 403, 'text/plain; charset=utf-8', `${why}\n`)
  }
  if (question === PAGE) return sendPage(response, 200, session.page)
  if (question === 'GET /news') return stream(session, response)
  const what = acts.find((each) => question === `POST /${each}`)
  if (!what) throw new RefusedRequest(404, usage('There is no such thing'))
  const { name } = await readBody<{ name?: unknown }>(request, BODY_BYTES)
  const client = await session.find()
  if (!client) throw new ProblemError({ code: 'NOT_RUNNING', summary: 'Nothing is running' })
  await act(what, name, client)
  sendJson(response, 200, {})
}

function stream({ audience, streams }: Session, response: ServerResponse): void {
  if (streams.size >= MOST_STREAMS) throw new RefusedRequest(503, usage('Too many pages are open'))
  streams.add(response)
  response.writeHead(200, { ...headers, 'content-type': 'application/x-ndjson' })
  const leave = audience.join((news: News) => {
    response.write(`${JSON.stringify(news)}\n`)
    if (response.writableLength > BACKLOG_BYTES) response.destroy()
  })
  response.once('close', () => {
    streams.delete(response)
    leave()
  })
}

function usage(summary: string): Problem {
  return { code: 'USAGE', summary }
}

/** No page of elsewhere may read, frame, keep or guess at any of it; none of them is a CORS header. */
const headers = {
  'cache-control': 'no-store',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
}

function sendPage(response: ServerResponse, status: number, { html, policy }: Page): void {
  send(response, status, 'text/html; charset=utf-8', html, { 'content-security-policy': policy })
}

function sendJson(response: ServerResponse, status: number, body: object): void {
  if (response.headersSent) return void response.destroy()
  send(response, status, 'application/json', `${JSON.stringify(body)}\n`)
}

function send(response: ServerResponse, status: number, type: string, text: string, more = {}): void {
  response
    .writeHead(status, {
      ...headers,
      ...more,
      'content-type': type,
      'content-length': Buffer.byteLength(text),
      // A body that nobody reads, and a client that lingers, hold nothing up.
      connection: 'close',
    })
    .end(text)
}
