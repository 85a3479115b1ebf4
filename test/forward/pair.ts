// Both ends of a real TCP or Unix connection in this process, as a relay and the world beyond it see them.

import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Connection } from '../../src/forward/carrier.ts'
import { openLocalSocket } from '../../src/forward/local-socket.ts'
import { atEnd } from '../helpers/cleanup.ts'

export interface Pair {
  /** The end that the code under test holds. */
  ours: Connection
  /** The end of whoever talks to it. */
  theirs: Socket
}

export async function openPair(path?: string): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true, pauseOnConnect: true, noDelay: true })
  await new Promise<void>((resolve) =>
    server.listen(path ? { path } : { host: '127.0.0.1', port: 0 }, resolve),
  )
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const where = server.address()
  const theirs = connect({
    ...(typeof where === 'string'
      ? { path: where }
      : { host: '127.0.0.1', port: (where as { port: number }).port }),
    allowHalfOpen: true,
  })
  theirs.on('error', () => {})
  const [socket] = await Promise.all([accepted, once(theirs, 'connect')])
  server.close()
  if (!path) isTcpSocket.add(theirs)
  atEnd(() => {
    theirs.destroy()
    socket.destroy()
  })
  return { ours: openLocalSocket(socket, path ? 'unix' : 'tcp'), theirs }
}

const isTcpSocket = new WeakSet<Socket>()

/**
 * How what this socket reads comes to an end: `end` is a FIN, `reset` a RST, `close` neither. Of a RST behind
 * unread data libuv makes an end; the next write of a socket that may still write learns better.
 */
export function watchEnding(
  socket: Socket,
  isTcp = isTcpSocket.has(socket),
): Promise<{ how: string; bytes: Buffer }> {
  const chunks: Buffer[] = []
  return new Promise((resolve) => {
    const say = (how: string) => resolve({ how, bytes: Buffer.concat(chunks) })
    const probe = () => socket.write('', (error) => say(error ? 'reset' : 'end'))
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', () => (isTcp && socket.writable ? probe() : say('end')))
    socket.once('error', () => say('reset'))
    socket.once('close', () => say('close'))
  })
}
