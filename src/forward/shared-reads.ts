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
  const symbols = symbolsOf(socket)
  const handle = insides._handle
  if (!symbols || insides[symbols[0]] !== null || typeof handle?.useUserBuffer !== 'function') return
  const [memory, callback] = symbols
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

/** Each socket has the same. */
let found: [memory: symbol, callback: symbol] | null | undefined

function symbolsOf(socket: Socket): [memory: symbol, callback: symbol] | null {
  if (found !== undefined) return found
  const own = Object.getOwnPropertySymbols(socket)
  const [memory, callback] = ['kBuffer', 'kBufferCb'].map((name) =>
    own.find(({ description }) => description === name),
  )
  found = memory && callback ? [memory, callback] : null
  return found
}
