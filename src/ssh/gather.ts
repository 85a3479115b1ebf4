// What ssh2 writes to its socket piece by piece goes out together: each write(2) is a turn into the kernel, and with
// noDelay a segment of its own that wakes the other side.

import type { Duplex } from 'node:stream'

/** More than this is not held back: the other side could already work on it. */
const ENOUGH_BYTES = 128 * 1024

/**
 * To be called before the stream is used. What is written because of one event is held back until it has been dealt with;
 * what comes while the kernel takes no more is gathered by Node itself.
 */
export function gatherWrites(stream: Duplex): void {
  const write = stream.write
  let isHeld = false
  let isDue = false
  const release = () => {
    if (isHeld) stream.uncork()
    isHeld = false
  }
  const endTurn = () => {
    isDue = false
    release()
  }
  const hold = () => {
    isHeld = true
    stream.cork()
    if (!isDue) process.nextTick(endTurn)
    isDue = true
  }
  stream.write = function gathered(this: Duplex, ...args: Parameters<Duplex['write']>) {
    if (!isHeld && stream.writableLength === 0) hold()
    const mayGoOn = write.apply(stream, args)
    if (isHeld && stream.writableLength > ENOUGH_BYTES) release()
    return mayGoOn
  } as Duplex['write']
}
