// Answers for a supervisor on the project's Unix socket: HTTP/1.1 with JSON, so that `curl --unix-socket`
// works. Holding the socket is holding the project's lock; what can be asked is in routes.ts, and what the answers mean is
// the Control's business.

import { setMaxListeners } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import { type HeldLock, holdLock } from './hold-lock.ts'
import type { LockInfo } from './lock.ts'
import type { ProjectPlace } from './paths.ts'
import { type Control, type ErrorAnswer, PROTOCOL_VERSION } from './protocol.ts'
import { RefusedRequest } from './request-body.ts'
import { type Exchange, type Route, routes, type Session } from './routes.ts'

export interface ControlServer {
  readonly socket: string
  /** Resolves when the socket was removed and another supervisor has taken its place: this one has to end. */
  readonly lost: Promise<void>
  /** From now on `control` answers. Requests that came before have waited; /healthz has not. */
  serve(control: Control): Promise<void>
  /** Gives the lock back, ends event streams, answers what waits with `problem`, closes: within a second or so. Never rejects. */
  close(problem?: Problem): Promise<void>
}

export interface ControlServerOptions {
  place: ProjectPlace
  env: Readonly<Record<string, string | undefined>>
  version: string
}

/** Becomes the project's one supervisor; null when another one is alive. */
export async function openControlServer(options: ControlServerOptions): Promise<ControlServer | null> {
  const session = new ControlSession(options)
  return (await session.open()) ? session : null
}

const REQUEST_MS = 10_000
/** How long a client has for its last words, and for ours. */
const GOODBYE_MS = 1_000

/** Whatever its version, a client may ask whether we live, and may end us: that is the remedy. */
const ANY_PROTOCOL = new Set(['GET /healthz', 'GET /readyz', 'POST /v1/down'])

class ControlSession implements ControlServer, Session {
  readonly control: Promise<Control>
  readonly headers: Record<string, string>
  readonly #options: ControlServerOptions
  readonly #server: Server
  readonly #closing = new AbortController()
  readonly lost: Promise<void>
  #lock: HeldLock | null = null
  #lose: () => void = () => {}
  #serve: (control: Control) => void = () => {}
  #refuse: (error: ProblemError) => void = () => {}

  constructor(options: ControlServerOptions) {
    this.#options = options
    this.headers = { 'tunnels-protocol': String(PROTOCOL_VERSION), 'tunnels-version': options.version }
    this.control = new Promise((resolve, reject) => {
      this.#serve = resolve
      this.#refuse = reject
    })
    this.control.catch(() => {})
    this.lost = new Promise((resolve) => {
      this.#lose = resolve
    })
    // Each stream listens.
    setMaxListeners(0, this.closing)
    this.#server = createServer({ requestTimeout: REQUEST_MS, headersTimeout: REQUEST_MS })
    this.#server.on(
      'request',
      (request, response) => void this.#take({ request, query: queryOf(request), response }),
    )
  }

  get socket(): string {
    return this.#lock?.socket ?? ''
  }

  get closing(): AbortSignal {
    return this.#closing.signal
  }

  async open(): Promise<boolean> {
    const { place, env } = this.#options
    this.#lock = await holdLock(this.#server, { place, env, info: this.#info(null) })
    void this.#lock?.lost.then(this.#lose)
    return this.#lock !== null
  }

  async serve(control: Control): Promise<void> {
    this.#serve(control)
    await this.#lock?.writeInfo(this.#info(control.status().project))
  }

  release(): void {
    this.#lock?.release()
  }

  async close(problem: Problem = ENDING): Promise<void> {
    this.#refuse(new ProblemError(problem))
    this.#closing.abort()
    this.release()
    const timer = setTimeout(() => this.#server.closeAllConnections(), GOODBYE_MS)
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    clearTimeout(timer)
  }

  answer(response: ServerResponse, status: number, body: object): void {
    // A stream that cannot go on breaks off: it has no other way to say so.
    if (response.headersSent) return void response.destroy()
    // One request a connection: a client that lingers must not hold up the end of the process.
    const headers = { ...this.headers, 'content-type': 'application/json', connection: 'close' }
    response.writeHead(status, headers).end(`${JSON.stringify(body)}\n`)
  }

  answerText(response: ServerResponse, contentType: string, text: string): void {
    const headers = { ...this.headers, 'content-type': contentType, connection: 'close' }
    response.writeHead(200, headers).end(text)
  }

  beginLines(response: ServerResponse): void {
    response.writeHead(200, { ...this.headers, 'content-type': 'application/x-ndjson' })
  }

  async #take(exchange: Exchange): Promise<void> {
    const { request, response } = exchange
    response.on('error', () => {})
    try {
      const route = this.#routeOf(request)
      await route(this, exchange)
    } catch (error) {
      if (!(error instanceof RefusedRequest)) return this.answer(response, ...answerFor(error))
      request.resume()
      this.answer(response, error.status, { problems: [error.problem] } satisfies ErrorAnswer)
    }
  }

  #routeOf(request: IncomingMessage): Route {
    if (isOfBrowser(request)) throw new RefusedRequest(403, NOT_FOR_BROWSERS)
    const path = (request.url ?? '').split('?')[0] ?? ''
    const key = `${request.method} ${path}`
    const protocol = request.headers['tunnels-protocol']
    const speaksOurs = protocol === undefined || protocol === String(PROTOCOL_VERSION)
    if (!speaksOurs && !ANY_PROTOCOL.has(key)) throw this.#otherProtocol(request)
    const route = Object.hasOwn(routes, key) ? routes[key] : undefined
    if (route) return route
    throw new RefusedRequest(404, { code: 'USAGE', summary: `There is no ${key}` })
  }

  #otherProtocol(request: IncomingMessage): RefusedRequest {
    const theirs = request.headers['tunnels-version'] ?? 'another version'
    return new RefusedRequest(426, {
      code: 'SUPERVISOR_UNREACHABLE',
      summary: `The running supervisor is tunnels ${this.#options.version} and cannot talk with ${theirs}`,
      hint: 'End it with `tunnels down`, then start it again with `tunnels up`',
    })
  }

  #info(project: string | null): LockInfo {
    const { folder, file, projectName } = this.#options.place
    return { project, projectName, folder, file, pid: process.pid, version: this.#options.version }
  }
}

function queryOf({ url = '' }: IncomingMessage): URLSearchParams {
  const at = url.indexOf('?')
  return new URLSearchParams(at === -1 ? '' : url.slice(at))
}

/** Behind somebody's socat or proxy a page could reach us: it cannot leave these two out (Fetch, sections 3.1 and 3.2). */
function isOfBrowser({ headers }: IncomingMessage): boolean {
  return headers.origin !== undefined || headers['sec-fetch-site'] !== undefined
}

const NOT_FOR_BROWSERS: Problem = { code: 'USAGE', summary: 'This socket answers no browser' }

const ENDING: Problem = {
  code: 'NOT_RUNNING',
  summary: 'The supervisor of this project is ending',
}

/** The caller's mistake is 400, an end 503, anything else ours. */
function answerFor(error: unknown): [number, ErrorAnswer] {
  const problems = error instanceof ProblemError ? [...error.problems] : [problemOf(error)]
  const isCallers = problems.every(
    ({ code }) => code === 'USAGE' || code === 'UNTRUSTED' || code.startsWith('CONFIG_'),
  )
  const isEnd = problems.some(({ code }) => code === 'NOT_RUNNING')
  return [isCallers ? 400 : isEnd ? 503 : 500, { problems }]
}
