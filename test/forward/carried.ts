// A forward without SSH: a real listener of this machine, its traffic, and dials from this machine.

import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { dialLocal } from '../../src/forward/local-dial.ts'
import { listenLocal } from '../../src/forward/local-listener.ts'
import { createTraffic, type Route, type Traffic } from '../../src/forward/traffic.ts'
import type { SocketAddress } from '../../src/model/address.ts'
import type { ConnectionNews } from '../../src/model/connection.ts'
import { atEnd } from '../helpers/cleanup.ts'

export interface Carried {
  traffic: Traffic
  /** 0 on a Unix socket. */
  port: number
  dial(): Socket
  changes(): number
  /** What became of its connections, in order. */
  readonly news: ConnectionNews[]
}

export const plainRoute: Route = {
  to: { kind: 'socks' },
  dial: dialLocal,
  allowFrom: null,
  allowTo: null,
  auth: null,
  hostHeader: null,
  maxConnections: 1024,
  idleTimeoutMs: 0,
  drainMs: 600_000,
}

export function to(port: number, more: Partial<Route> = {}): Route {
  return { ...plainRoute, to: { kind: 'tcp', host: '127.0.0.1', port }, ...more }
}

export async function carry(
  route: Route,
  direction: 'local' | 'remote' = 'local',
  listen: SocketAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 },
): Promise<Carried> {
  let changes = 0
  const onChange = () => void changes++
  const news: ConnectionNews[] = []
  const onConnection = (each: ConnectionNews) => void news.push(each)
  const traffic = createTraffic(route, { direction, onChange, onConnection })
  const socket = { mode: 0o600, replace: true }
  const listener = await listenLocal(listen, socket, (incoming) => traffic.handle(incoming))
  atEnd(async () => {
    await listener.close()
    await traffic.drain(0)
  })
  const { address } = listener
  const dial = () => {
    const { kind: _, ...where } = address
    const client = connect({ ...where, allowHalfOpen: true, noDelay: true } as NetConnectOpts)
    client.on('error', () => {})
    atEnd(() => void client.destroy())
    return client
  }
  return { traffic, port: address.kind === 'tcp' ? address.port : 0, dial, changes: () => changes, news }
}
