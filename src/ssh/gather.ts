// What ssh2 writes to its socket piece by piece goes out together: each write(2) is a turn into the kernel, and with
// noDelay a segment of its own that wakes the other side.

import type { Duplex } from 'node:stream'

/** More than this is not held back: the other side could already work on it. */
const ENOUGH_BYTES = 128 * 1024

/**
 * To be called before the stream is used. The first event of a turn of the event loop writes when it has been dealt with,
 * since most turns have one; what others bring in the same turn goes out together at its end. What comes while the kernel
 * takes no more is gathered by Node itself.
 */
export function gatherWrites(stream: Duplex): void {
  const write = stream.write
  let isHeld = false
  let isDue = false
  let isLaterEvent = false
  const release = () => {
    if (isHeld) stream.uncork()
    isHeld = false
  }
  const endTurn = () => {
    isLaterEvent = false
    release()
  }
  const endEvent = () => {
    isDue = false
    release()
    isLaterEvent = true
    setImmediate(endTurn)
  }
  const hold = () => {
    isHeld = true
    stream.cork()
    if (isDue || isLaterEvent) return
    isDue = true
    process.nextTick(endEvent)
  }
  stream.write = function gathered(this: Duplex, ...args: Parameters<Duplex['write']>) {
    if (!isHeld && stream.writableLength === 0) hold()
    const mayGoOn = write.apply(stream, args)
    if (isHeld && stream.writableLength > ENOUGH_BYTES) release()
    return mayGoOn
  } as Duplex['write']
}
