// A carrier without SSH: it dials and listens with this machine's own sockets. The reconciler cannot tell,
// which is the point of the seam. Tests can lose it, refuse it, and count it.

import { createServer, type Server, type Socket } from 'node:net'
import type { Carrier, Incoming } from '../../src/forward/carrier.ts'
import { dialLocal } from '../../src/forward/local-dial.ts'
import { formatRemoteListen } from '../../src/model/address.ts'
import { type Problem, ProblemError } from '../../src/model/problem.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import type { Connect } from '../../src/reconcile/attempt.ts'

export interface PlainNetwork {
  connect: Connect
  /** Every carrier that was ever made, by the host's name. */
  made: { host: WantedHost; carrier: Carrier; lose(): void; isOpen(): boolean }[]
  /** While set, attempts at the host fail with it. */
  refuse: Map<string, Problem>
  /** While it holds a host's user, listening there is refused. */
  refuseListening: Set<string>
}

export function plainNetwork(): PlainNetwork {
  const network: PlainNetwork = { connect, made: [], refuse: new Map(), refuseListening: new Set() }
  return network

  async function connect(host: WantedHost, { openStream, signal }: Parameters<Connect>[1]): Promise<Carrier> {
    await new Promise((resolve) => setImmediate(resolve))
    signal.throwIfAborted()
    const problem = network.refuse.get(host.name) ?? network.refuse.get(`${host.user}@${host.name}`)
    if (problem) throw new ProblemError(problem)
    const outer = await openStream?.(signal)
    const { carrier, lose } = plainCarrier(() => network.refuseListening.has(host.user))
    outer?.once('close', lose)
    carrier.closed.addEventListener('abort', () => outer?.destroy())
    network.made.push({ host, carrier, lose, isOpen: () => !carrier.closed.aborted })
    return carrier
  }
}

function plainCarrier(refusesListening: () => boolean): { carrier: Carrier; lose(): void } {
  const end = new AbortController()
  const sockets = new Set<{ destroy(): void }>()
  const servers = new Set<Server>()
  const lose = () => {
    if (end.signal.aborted) return
    end.abort(new ProblemError({ code: 'HOST_LOST', summary: 'The connection was lost' }))
    for (const socket of sockets) socket.destroy()
    for (const server of servers) server.close()
  }
  const keep = <T extends { destroy(): void; once(event: 'close', listener: () => void): unknown }>(
    socket: T,
  ) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    return socket
  }
  const carrier: Carrier = {
    closed: end.signal,
    rttMs: null,
    warning: null,
    update() {},
    close: lose,
    async dial(target, from, signal) {
      const connection = await dialLocal(target, from, signal)
      keep(connection.stream)
      return connection
    },
    async listen(listen, _options, onIncoming) {
      if (refusesListening() || listen.kind !== 'tcp') {
        throw new ProblemError({ code: 'FORWARD_PROHIBITED', summary: 'The server does not listen' })
      }
      const port = listen.port === 'auto' ? 0 : listen.port
      const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
        keep(socket)
        onIncoming(incomingOf(socket))
      })
      await new Promise<void>((resolve, reject) => {
        server.once('error', () => reject(new ProblemError({ code: 'REMOTE_PORT_IN_USE', summary: 'taken' })))
        server.listen(port, '127.0.0.1', resolve)
      })
      servers.add(server)
      const bound = (server.address() as { port: number }).port
      return {
        address: formatRemoteListen({ ...listen, port: bound }),
        port: bound,
        async close() {
          servers.delete(server)
          server.close()
        },
      }
    },
  }
  return { carrier, lose }
}

function incomingOf(socket: Socket): Incoming {
  const gone = new AbortController()
  socket.once('close', () => gone.abort())
  socket.on('error', () => {})
  return {
    from: { address: socket.remoteAddress ?? null, port: socket.remotePort ?? 0 },
    gone: gone.signal,
    refuse: () => socket.resetAndDestroy(),
    accept: () => ({ stream: socket.resume(), abort: () => socket.resetAndDestroy() }),
  }
}
