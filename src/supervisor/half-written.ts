// Tells a file that somebody is still writing from one that is done, as far as its looks can tell: most cuts leave
// it empty, without its last line feed, smaller than it was, or not there for a moment.

import type { BigIntStats } from 'node:fs'
import { stat } from 'node:fs/promises'
import { openWithoutWaiting } from '../files/bounded-read.ts'

/** How a file was at one moment. */
export interface Look {
  /** Another one when the file is another, was written, or may be read by others. */
  signature: string
  size: number
  /** What stands at its end. `other`: no plain file, or one that cannot be read. */
  end: 'line feed' | 'text' | 'nothing' | 'absent' | 'other'
}

export type Looks = ReadonlyMap<string, Look>

/** Follows links. Never rejects. */
export async function lookAt(files: readonly string[]): Promise<Looks> {
  return new Map(await Promise.all(files.map(async (file) => [file, await lookAtOne(file)] as const)))
}

/** True when one of the files has changed and seems to be half there. */
export function seemsHalfWritten(before: Looks, now: Looks): boolean {
  return [...now].some(([file, look]) => {
    const previous = before.get(file)
    return previous !== undefined && previous.signature !== look.signature && isHalf(previous, look)
  })
}

function isHalf(before: Look, now: Look): boolean {
  if (now.end === 'absent' || now.end === 'nothing') return before.end !== now.end
  const lacksLineFeed = now.end === 'text' && before.end !== 'text'
  return lacksLineFeed || now.size < before.size
}

/** Of those that have changed, the ones of which only the size speaks against them: they have a whole end. */
export function onlySmaller(before: Looks, now: Looks): string[] | null {
  const changed = [...now].filter(([file, look]) => before.get(file)?.signature !== look.signature)
  const isWhole = ([file, { end }]: [string, Look]) => end === 'line feed' || end === before.get(file)?.end
  return changed.every(isWhole) ? changed.map(([file]) => file) : null
}

async function lookAtOne(file: string): Promise<Look> {
  try {
    const stats = await stat(file, { bigint: true })
    return {
      signature: signatureOf(stats),
      size: Number(stats.size),
      end: await endOf(file, stats.isFile(), stats.size),
    }
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException
    return { signature: code, size: 0, end: ['ENOENT', 'ENOTDIR'].includes(code) ? 'absent' : 'other' }
  }
}

/** As in {@link Look}, at the price of a stat(2): nothing is opened. Never rejects. */
export async function signaturesOf(files: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const signatures = files.map((file) =>
    stat(file, { bigint: true }).then(signatureOf, (error: NodeJS.ErrnoException) => error.code ?? ''),
  )
  return new Map((await Promise.all(signatures)).map((signature, index) => [files[index]!, signature]))
}

function signatureOf({ dev, ino, size, mode, mtimeNs, ctimeNs }: BigIntStats): string {
  return [dev, ino, size, mode, mtimeNs, ctimeNs].join()
}

async function endOf(file: string, isFile: boolean, size: bigint): Promise<Look['end']> {
  if (!isFile) return 'other'
  if (size === 0n) return 'nothing'
  const handle = await openWithoutWaiting(file).catch(() => null)
  if (!handle) return 'other'
  try {
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(1), 0, 1, Number(size) - 1)
    if (bytesRead === 0) return 'nothing'
    return buffer.toString('latin1') === '\n' ? 'line feed' : 'text'
  } finally {
    await handle.close()
  }
}
