// `ssh -R` as the demo's server plays it: listens on loopback whatever was asked (as sshd does with
// GatewayPorts no), and offers each connection to the client as a forwarded-tcpip channel (RFC 4254, 7.1).

import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import type { Connection, TcpipBindInfo } from 'ssh2'
import { joinChannel } from './join-channel.ts'

/** Answers this client's tcpip-forward and cancel-tcpip-forward until `signal` fires, which closes its listeners. */
export function openRemoteListeners(client: Connection, signal: AbortSignal): void {
  const listeners = new Map<string, Server>()
  client.on('request', (accept, reject, name, info) => {
    if (name === 'tcpip-forward')
      return listen(client, info as TcpipBindInfo, listeners, signal, accept, reject)
    if (name === 'cancel-tcpip-forward' && cancel(info as TcpipBindInfo, listeners)) return accept?.()
    return reject?.()
  })
}

function listen(
  client: Connection,
  asked: TcpipBindInfo,
  listeners: Map<string, Server>,
  signal: AbortSignal,
  accept?: (chosenPort?: number) => void,
  reject?: () => void,
): void {
  const server = createServer({ noDelay: true, allowHalfOpen: true, pauseOnConnect: true })
  server.once('error', () => reject?.())
  server.listen({ host: '127.0.0.1', port: asked.bindPort, signal }, () => {
    const bound = { bindAddr: asked.bindAddr, bindPort: (server.address() as AddressInfo).port }
    listeners.set(keyOf(bound), server)
    server.on('connection', (socket: Socket) => offer(client, bound, socket, signal))
    accept?.(bound.bindPort)
  })
}

/** As with sshd: the listener goes, open connections live on. */
function cancel(asked: TcpipBindInfo, listeners: Map<string, Server>): boolean {
  const server = listeners.get(keyOf(asked))
  server?.close()
  return listeners.delete(keyOf(asked))
}

function offer(client: Connection, bound: TcpipBindInfo, socket: Socket, signal: AbortSignal): void {
  const cut = () => socket.destroy()
  signal.addEventListener('abort', cut, { once: true })
  socket.once('close', () => signal.removeEventListener('abort', cut))
  socket.on('error', cut)
  const { remoteAddress = '127.0.0.1', remotePort = 0 } = socket
  client.forwardOut(bound.bindAddr, bound.bindPort, remoteAddress, remotePort, (error, channel) => {
    if (error) return cut()
    joinChannel(channel, socket)
    return socket.resume()
  })
}

function keyOf({ bindAddr, bindPort }: TcpipBindInfo): string {
  return `${bindAddr}:${bindPort}`
}
