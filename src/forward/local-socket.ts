// A socket of this machine as a Connection: what Node and libuv leave out of a proper ending is put right
// here. Who opens the socket, and when, is left to local-listener.ts and local-dial.ts.

import type { Socket } from 'node:net'
import type { Connection } from './carrier.ts'
import { shareReads } from './shared-reads.ts'

/**
 * EOF goes one way, and nothing waits for more to come. With Node's own buffer of 16 KiB every single packet would fill
 * it, and make its sender pause and go on.
 */
export const socketOptions = { allowHalfOpen: true, noDelay: true, highWaterMark: 256 * 1024 }

/** Takes the socket over: from here on its errors are heard, and never thrown. */
export function openLocalSocket(socket: Socket, kind: 'tcp' | 'unix'): Connection {
  socket.on('error', ignore)
  const share = () => shareReads(socket)
  if (kind === 'unix') return { stream: socket, share, abort: () => socket.destroy() }
  return { stream: socket, share, abort: () => reset(socket), endedWell: () => endedWell(socket) }
}

/** RST. Between shutdown(2) being asked for and done libuv refuses to reset, and would leave the socket open. */
function reset(socket: Socket): void {
  if (socket.destroyed) return
  const shuttingDown = socket.writableEnded && socket.writableLength === 0 && !socket.writableFinished
  if (!shuttingDown) socket.resetAndDestroy()
  else socket.once('finish', () => socket.resetAndDestroy())
}

/**
 * libuv reports a RST that comes with unread data as an end of file. The kernel still has the error and tells
 * it to the next write, be it of nothing; where something waits to be written, that write will meet it.
 */
function endedWell(socket: Socket): Promise<boolean> {
  if (!socket.writable || socket.writableLength > 0) return Promise.resolve(!socket.errored)
  return new Promise((resolve) => socket.write('', (error) => resolve(!error)))
}

function ignore(): void {}
