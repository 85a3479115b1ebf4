// Reads of a local socket into memory that all of them share. Node takes 64 KiB anew for each read, and leaves them to
// the garbage collector; of a big upload that was a quarter of the work. Node has this for sockets that one opens
// (`onread`), not for those that a server accepts: so it is begun by hand, where Node looks as it does today.

import type { Socket } from 'node:net'

const MEMORY = Buffer.allocUnsafeSlow(256 * 1024)

interface Handle {
  useUserBuffer?: (memory: Uint8Array) => void
}

/**
 * From now on what the socket emits is gone when its listener returns. What nobody listens to is copied, and waits in
 * the stream as ever.
 */
export function shareReads(socket: Socket): void {
  const insides = socket as unknown as { _handle?: Handle } & Record<symbol, unknown>
  const [memory, callback] = symbols(socket, 'kBuffer', 'kBufferCb')
  const handle = insides._handle
  if (!memory || !callback || insides[memory] !== null || typeof handle?.useUserBuffer !== 'function') return
  insides[memory] = MEMORY
  insides[callback] = (bytes: number) => pass(socket, MEMORY.subarray(0, bytes))
  handle.useUserBuffer(MEMORY)
}

function pass(socket: Socket, piece: Buffer): boolean {
  const isAwaited = socket.readableFlowing && socket.readableLength === 0 && socket.listenerCount('data') > 0
  if (!isAwaited) return socket.push(Buffer.from(piece))
  socket.emit('data', piece)
  return true
}

function symbols(socket: Socket, ...names: string[]): (symbol | undefined)[] {
  const own = Object.getOwnPropertySymbols(socket)
  return names.map((name) => own.find(({ description }) => description === name))
}
