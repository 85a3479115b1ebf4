// Listens on this machine, TCP or Unix socket, and hands over whoever knocks. It keeps no connection: those
// it took live on when it closes.

import { createServer, type Server, type Socket } from 'node:net'
import { formatSocketAddress, type SocketAddress } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import type { Incoming } from './carrier.ts'
import { descriptorProblem, descriptorSettled } from './descriptors.ts'
import { explainListenError } from './listen-problem.ts'
import { openLocalSocket, socketOptions } from './local-socket.ts'
import { Stop } from './stop.ts'
import { placeUnixSocket, type UnixPlace } from './unix-place.ts'

export interface LocalListener {
  /** What is really bound: with the port that port 0 became. */
  readonly address: SocketAddress
  /** Stops listening at once and removes its own socket file; open connections live on. Never rejects, idempotent. */
  close(): Promise<void>
  /** Fires when the listener fails later by itself; `reason` is then the ProblemError. */
  readonly failed: AbortSignal
}

export interface UnixSocketOptions {
  mode: number
  replace: boolean
  /** The folder in which missing folders may be made; absent: anywhere. */
  project?: string
}

const lookMs = 1_000

/**
 * `socket` is for Unix sockets only. Rejects with a ProblemError: PORT_IN_USE, LISTEN_FORBIDDEN, LISTEN_FAILED or
 * LIMIT_REACHED.
 */
export async function listenLocal(
  address: SocketAddress,
  socket: UnixSocketOptions,
  onIncoming: (incoming: Incoming) => void,
): Promise<LocalListener> {
  const noRoom = descriptorProblem('listener')
  if (noRoom) throw new ProblemError(noRoom)
  try {
    return await openListener(address, socket, onIncoming)
  } finally {
    descriptorSettled()
  }
}

async function openListener(
  address: SocketAddress,
  socket: UnixSocketOptions,
  onIncoming: (incoming: Incoming) => void,
): Promise<LocalListener> {
  const server = createServer({ ...socketOptions, pauseOnConnect: true }, (client) =>
    onIncoming(incomingOf(client, address.kind)),
  )
  try {
    if (address.kind === 'tcp') return listenerOf(server, await listenTcp(server, address))
    const place = await placeUnixSocket(address.path, socket, (path) => listen(server, { path }))
    return listenerOf(server, address, place)
  } catch (error) {
    server.close()
    throw error instanceof ProblemError ? error : await explainListenError(error, address)
  }
}

async function listenTcp(
  server: Server,
  { host, port }: { host: string; port: number },
): Promise<SocketAddress> {
  let bound = host
  try {
    await listen(server, { host, port })
  } catch (error) {
    if (host !== '::' || !isWithoutIpv6(error)) throw error
    bound = '0.0.0.0'
    await listen(server, { host: bound, port })
  }
  const { port: boundPort } = server.address() as { port: number }
  return { kind: 'tcp', host: bound, port: boundPort }
}

/** All interfaces of a machine that has no IPv6 are those of IPv4. */
function isWithoutIpv6(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException
  return code === 'EAFNOSUPPORT' || code === 'EADDRNOTAVAIL'
}

function listen(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...where, backlog: 4096 }, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

function listenerOf(server: Server, address: SocketAddress, place?: UnixPlace): LocalListener {
  const failed = new AbortController()
  const fail = (detail: string) => {
    const summary = `${formatSocketAddress(address)} no longer listens`
    failed.abort(new ProblemError({ code: 'LISTEN_FAILED', summary, detail }))
  }
  server.on('error', (error) => fail(String(error)))
  const stopLooking = place && watchPlace(place, () => fail('Its file was taken away.'))
  const close = async () => {
    stopLooking?.()
    // The callback of close() waits for open connections; the port is free as soon as it returns.
    server.close()
    await place?.remove()
  }
  failed.signal.addEventListener('abort', () => void close())
  return { address, close, failed: failed.signal }
}

/** A socket whose file is gone cannot be reached, and nothing else tells. A look a second costs less than a watcher. */
function watchPlace(place: UnixPlace, onGone: () => void): () => void {
  const look = async () => {
    if (await place.isThere()) return
    clearInterval(timer)
    onGone()
  }
  const timer = setInterval(() => void look(), lookMs)
  return () => clearInterval(timer)
}

const hungUp = new Error('the client has gone')

/** Reading into the socket's own bounded buffer begins at once: otherwise nobody would notice a RST. */
function incomingOf(client: Socket, kind: SocketAddress['kind']): Incoming {
  const gone = new Stop()
  const connection = openLocalSocket(client, kind)
  const from = { address: client.remoteAddress ?? null, port: client.remotePort ?? 0 }
  client.once('close', () => gone.abort(hungUp))
  client.read(0)
  return { from, accept: () => connection, refuse: connection.abort, gone }
}
