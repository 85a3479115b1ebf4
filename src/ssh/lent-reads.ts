// What the SSH socket reads goes into memory that is used again, where nobody holds on to any of it: Node takes 64 KiB
// anew for each read and leaves them to the garbage collector, which costs more than the reading. A piece is lent for
// the event in which it came; where it cannot be told that all of it was passed on, the memory is left to whoever has it.

import type { Socket } from 'node:net'
import type { Lender } from './loans.ts'

const MEMORY_BYTES = 256 * 1024

/** So much is copied instead: it costs less than to find out. */
const SMALL_BYTES = 16 * 1024

const readsBySocket = new WeakMap<object, LentReads>()

/** For the `onread` of a socket that is about to connect; `attach` it then. */
export class LentReads implements Lender {
  #memory: Buffer | null = null
  #socket: Socket | null = null
  #settle: (memory: Buffer) => boolean = () => false

  readonly onread = {
    buffer: (): Buffer => {
      this.#memory ??= Buffer.allocUnsafeSlow(MEMORY_BYTES)
      return this.#memory
    },
    callback: (bytes: number): boolean => this.#pass(bytes),
  }

  attach(socket: Socket): Socket {
    this.#socket = socket
    readsBySocket.set(socket, this)
    return socket
  }

  lend(settle: (memory: Buffer) => boolean): void {
    this.#settle = settle
  }

  #pass(bytes: number): boolean {
    const socket = this.#socket!
    const read = this.#memory!.subarray(0, bytes)
    const isSmall = bytes <= SMALL_BYTES
    const piece = isSmall ? Buffer.from(read) : read
    const isAwaited =
      socket.readableFlowing && socket.readableLength === 0 && socket.listenerCount('data') > 0
    const mayGoOn = isAwaited ? socket.emit('data', piece) : socket.push(piece)
    const isFree = this.#settle(read)
    if (!isSmall && !(isAwaited && isFree)) this.#memory = null
    return mayGoOn
  }
}

/** Null for what is no socket of ours. */
export function lentReadsOf(stream: object): LentReads | null {
  return readsBySocket.get(stream) ?? null
}
