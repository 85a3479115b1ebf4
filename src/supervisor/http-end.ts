// `up --http`: health and metrics on a TCP address, for Kubernetes and Prometheus, and nothing else: whoever reaches it
// may be anybody, so that it changes nothing and tells no more than these three pages.

import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import { parseListen } from '../config/listen.ts'
import { type Parsed, refused } from '../config/parsed.ts'
import type { Incoming } from '../forward/carrier.ts'
import { type LocalListener, listenLocal } from '../forward/local-listener.ts'
import { formatSocketAddress, type SocketAddress } from '../model/address.ts'
import { ProblemError, problemOf } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import { localSockets } from '../resolve/resolve.ts'

export interface HttpEnd {
  /** As it was asked for. */
  readonly asked: string
  /** `127.0.0.1:9090`: what is really bound. */
  readonly addresses: string[]
  /** Within a second or so. Never rejects. */
  close(): Promise<void>
}

export interface Shown {
  status: Status
  isReady: boolean
}

const REQUEST_MS = 10_000
const GOODBYE_MS = 500
/** Probes and scrapers are few; anybody else may not use up our descriptors. */
const MOST_CONNECTIONS = 32

/** As `local` of a forward: a bare port is loopback. */
export function parseHttpAddress(text: string): Parsed<SocketAddress[]> {
  const listen = parseListen(text, 'here', { folder: '/', home: '/' })
  if (!listen.ok || listen.value.kind === 'unix')
    return refused('must be a port or an address:port, such as 9090, 127.0.0.1:9090 or "*:9090"')
  return { ok: true, value: localSockets(listen.value) }
}

/** `look`: what is true now. Rejects with a ProblemError: USAGE, PORT_IN_USE, LISTEN_FORBIDDEN or LISTEN_FAILED. */
export async function openHttpEnd(asked: string, look: () => Shown): Promise<HttpEnd> {
  const sockets = parseHttpAddress(asked)
  if (!sockets.ok) throw new ProblemError({ code: 'USAGE', summary: `--http ${sockets.complaint}` })
  const server = createServer((request, response) => void answer(request, response, look))
  const clients = new Clients(server)
  const listeners: LocalListener[] = []
  const close = async () => {
    await Promise.all(listeners.map((listener) => listener.close()))
    await clients.end()
  }
  try {
    for (const socket of sockets.value) listeners.push(await listen(socket, (client) => clients.take(client)))
  } catch (error) {
    await close()
    throw error
  }
  return { asked, addresses: listeners.map(({ address }) => formatSocketAddress(address)), close }
}

async function listen(
  socket: SocketAddress,
  onIncoming: (incoming: Incoming) => void,
): Promise<LocalListener> {
  try {
    return await listenLocal(socket, { mode: 0o600, replace: false }, onIncoming)
  } catch (error) {
    const { hint: _, ...problem } = problemOf(error)
    throw new ProblemError({ ...problem, summary: `--http: ${problem.summary}` })
  }
}

/** Each has one question, and ten seconds for it. */
class Clients {
  readonly #server: Server
  readonly #open = new Set<Duplex>()

  constructor(server: Server) {
    this.#server = server
  }

  take(incoming: Incoming): void {
    if (this.#open.size >= MOST_CONNECTIONS) return incoming.refuse()
    const { stream } = incoming.accept()
    const timer = setTimeout(() => stream.destroy(), REQUEST_MS)
    this.#open.add(stream)
    stream.once('close', () => {
      clearTimeout(timer)
      this.#open.delete(stream)
    })
    this.#server.emit('connection', stream)
  }

  /** What is being answered is answered. */
  async end(): Promise<void> {
    const all = [...this.#open].map((stream) => new Promise((resolve) => stream.once('close', resolve)))
    const timer = setTimeout(() => {
      for (const stream of this.#open) stream.destroy()
    }, GOODBYE_MS)
    await Promise.all(all)
    clearTimeout(timer)
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, look: () => Shown): Promise<void> {
  response.on('error', () => {})
  const isHead = request.method === 'HEAD'
  const say = (status: number, type: string, text: string) => {
    const headers = { 'content-type': type, 'content-length': Buffer.byteLength(text), connection: 'close' }
    response.writeHead(status, headers).end(isHead ? undefined : text)
  }
  const tell = (status: number, word: string) => say(status, 'text/plain; charset=utf-8', `${word}\n`)
  request.resume()
  if (isOfOtherPage(request)) return tell(403, 'not for pages')
  const path = (request.url ?? '').split('?')[0]
  const isKnown = path === '/healthz' || path === '/readyz' || path === '/metrics'
  if (!isKnown) return tell(404, 'there are /healthz, /readyz and /metrics')
  if (!isHead && request.method !== 'GET') return tell(405, 'GET it')
  if (path === '/healthz') return tell(200, 'ok')
  const { status, isReady } = look()
  if (path === '/readyz') return isReady ? tell(200, 'ready') : tell(503, 'not ready')
  const { formatMetrics } = await import('../control/metrics.ts')
  const { contentType, text } = await formatMetrics(status)
  say(200, contentType, text)
}

/** A page of somebody else may lead a browser here under a name of its own (Fetch Metadata, section 2.3). */
function isOfOtherPage({ headers }: IncomingMessage): boolean {
  const site = headers['sec-fetch-site']
  return headers.origin !== undefined || (site !== undefined && site !== 'none')
}
