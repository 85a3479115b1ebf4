// Small servers for the far end of a tunnel, over TCP on 127.0.0.1 or on a Unix socket: each is stopped,
// with its connections, after the test.

import { createHash } from 'node:crypto'
import { createServer as createHttpServer, type IncomingHttpHeaders } from 'node:http'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { atEnd } from './cleanup.ts'

export interface TestServer {
  /** 0 on a Unix socket. */
  readonly port: number
  /** '' on TCP. */
  readonly path: string
  /** Connections, ever. */
  connections(): number
  /** Connections that are open now. */
  open(): number
  stop(): Promise<void>
}

/** A path, or a host and a port (default 127.0.0.1, any free one). */
export type Where = { path: string } | { host?: string; port?: number }

/** Sends back what comes, and its own end only after ours: half-close is kept. */
export function startEcho(where: Where = {}): Promise<TestServer> {
  return startServer((socket) => pipeline(socket, socket, () => {}), where)
}

/** Sends back all that came, only after the client's FIN. */
export function startEchoAfterEnd(where: Where = {}): Promise<TestServer> {
  return startServer((socket) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.on('end', () => socket.end(Buffer.concat(chunks)))
  }, where)
}

/** Sends `content` at once, whatever it hears; after the client's FIN the SHA-256 of all that came, in hex. */
export function startDigest(content: string | Buffer = '', where: Where = {}): Promise<TestServer> {
  return startServer((socket) => {
    const hash = createHash('sha256')
    socket.on('data', (chunk: Buffer) => hash.update(chunk))
    socket.on('end', () => socket.end(hash.digest('hex')))
    socket.write(content)
  }, where)
}

/** Sends `content` to whoever comes, then FIN; reads and drops what the client says. */
export function startSource(content: string | Buffer, where: Where = {}): Promise<TestServer> {
  return startServer((socket) => {
    socket.resume()
    socket.end(content)
  }, where)
}

/** Reads everything, answers nothing; `received()` is the number of bytes so far. */
export async function startSink(where: Where = {}): Promise<TestServer & { received(): number }> {
  let received = 0
  const server = await startServer((socket) => {
    socket.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    socket.on('end', () => socket.end())
  }, where)
  return { ...server, received: () => received }
}

/** `onConnection` gets a socket with half-open allowed, whose errors are taken care of. */
export async function startServer(
  onConnection: (socket: Socket) => void,
  where: Where = {},
): Promise<TestServer> {
  return listen(createServer({ allowHalfOpen: true, noDelay: true }), where, onConnection)
}

export interface HttpRequest {
  method: string
  url: string
  headers: IncomingHttpHeaders
  body: string
}

/** Answers every request with `respond(request)`, default `METHOD URL host=HOST`. */
export async function startHttp(
  respond: (request: HttpRequest) => string = (request) =>
    `${request.method} ${request.url} host=${request.headers.host ?? ''}\n`,
  where: Where = {},
): Promise<TestServer & { requests: HttpRequest[] }> {
  const requests: HttpRequest[] = []
  const http = createHttpServer(async (request, response) => {
    const { method = '', url = '', headers } = request
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const seen = { method, url, headers, body: Buffer.concat(chunks).toString() }
    requests.push(seen)
    response.end(respond(seen))
  })
  return { ...(await listen(http, where)), requests }
}

async function listen(
  server: Server,
  where: Where,
  onConnection?: (socket: Socket) => void,
): Promise<TestServer> {
  const sockets = new Set<Socket>()
  let connections = 0
  server.on('connection', (socket: Socket) => {
    connections++
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => sockets.delete(socket))
    onConnection?.(socket)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen('path' in where ? where : { host: '127.0.0.1', port: 0, ...where }, resolve)
  })
  const stop = async () => {
    const closed = new Promise<void>((resolve) => server.close(() => resolve()))
    for (const socket of sockets) socket.destroy()
    await closed
  }
  atEnd(stop)
  const path = 'path' in where ? where.path : ''
  const port = path ? 0 : (server.address() as AddressInfo).port
  return { port, path, connections: () => connections, open: () => sockets.size, stop }
}
