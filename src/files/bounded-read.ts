// The one way in which a file of somebody else comes in: never waiting for who writes to a named pipe (its open(2)
// would hold one of the four threads that everything of this process goes through), and never more than a bound.

import { constants, type Stats } from 'node:fs'
import { type FileHandle, open, stat } from 'node:fs/promises'
import { setTimeout as delay } from 'node:timers/promises'

/** `isCut`: there is more. `why` goes on after the path: `is a folder, not a file`. */
export type FileRead =
  | { kind: 'read'; bytes: Buffer; isCut: boolean; stats: Stats }
  | { kind: 'missing' }
  | { kind: 'unreadable'; why: string }

/** How often a pipe that was handed to us is asked whether there is more. */
const PIPE_LOOK_MS = 20

/**
 * The first `maxBytes` of a file, or of a device. A named pipe is refused, unless it was handed to this process
 * (`-f <(generate)`): that one is read to its end, however long its writer takes. Never rejects.
 */
export async function readBounded(path: string, maxBytes: number): Promise<FileRead> {
  let handle: FileHandle | undefined
  try {
    // Before it is opened, too: that alone would wake who waits to write to a pipe.
    const why = isHandedOver(path) ? null : whyNoFile(await stat(path))
    if (why !== null) return { kind: 'unreadable', why }
    handle = await openWithoutWaiting(path)
    const stats = await handle.stat()
    const swapped = isHandedOver(path) ? null : whyNoFile(stats)
    if (swapped !== null) return { kind: 'unreadable', why: swapped }
    const bytes = await readUpTo(handle, maxBytes + 1, isHandedOver(path))
    return { kind: 'read', bytes: bytes.subarray(0, maxBytes), isCut: bytes.length > maxBytes, stats }
  } catch (error) {
    return asUnread(error)
  } finally {
    await handle?.close()
  }
}

/** `flags` as in open(2). Rejects as node:fs does; the caller closes. */
export function openWithoutWaiting(
  path: string,
  flags: number = constants.O_RDONLY,
  mode?: number,
): Promise<FileHandle> {
  return open(path, flags | constants.O_NONBLOCK, mode)
}

/** What a shell makes of `<(generate)`, and what it calls standard input. */
function isHandedOver(path: string): boolean {
  return /^\/(dev\/(fd\/\d+|stdin)|proc\/(self|\d+)\/fd\/\d+)$/.test(path)
}

/** Null for a file, and for a device: /dev/null is an empty one. */
function whyNoFile(stats: Stats): string | null {
  if (stats.isFIFO()) return 'is a named pipe, not a file'
  if (stats.isDirectory()) return 'is a folder, not a file'
  if (stats.isSocket()) return 'is a socket, not a file'
  return null
}

/** The size that stat(2) gives means nothing for a pipe or a device, so it is the reading that is bounded. */
async function readUpTo(handle: FileHandle, maxBytes: number, waits: boolean): Promise<Buffer> {
  const chunks: Buffer[] = []
  let left = maxBytes
  while (left > 0) {
    const chunk = await readSome(handle, Math.min(left, CHUNK_BYTES), waits)
    if (chunk.length === 0) break
    chunks.push(chunk)
    left -= chunk.length
  }
  return Buffer.concat(chunks)
}

const CHUNK_BYTES = 64 * 1024

async function readSome(handle: FileHandle, bytes: number, waits: boolean): Promise<Buffer> {
  for (;;) {
    try {
      const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, null)
      return buffer.subarray(0, bytesRead)
    } catch (error) {
      if (!waits || codeOf(error) !== 'EAGAIN') throw error
    }
    await delay(PIPE_LOOK_MS)
  }
}

function asUnread(error: unknown): FileRead {
  const code = codeOf(error)
  if (code === 'ENOENT' || code === 'ENOTDIR') return { kind: 'missing' }
  const why = Object.hasOwn(reasons, code) ? reasons[code]! : `could not be read (${code})`
  return { kind: 'unreadable', why }
}

const reasons: Readonly<Record<string, string>> = {
  EISDIR: 'is a folder, not a file',
  EACCES: 'may not be read by this user',
  EPERM: 'may not be read by this user',
  ELOOP: 'is a symbolic link that leads back to itself',
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'unknown error'
}
