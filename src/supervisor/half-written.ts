// Tells a file that somebody is still writing from one that is done, as far as its looks can tell: most cuts
// leave it empty, without its last line feed, or not there for a moment.

import { open, stat } from 'node:fs/promises'

/** False as long as one of the files seems half there. One that stays away is complete from the second look on. */
export function createCompletionCheck(files: readonly string[]): () => Promise<boolean> {
  const present = new Set<string>()
  const isComplete = async (file: string) => {
    const end = await lastByteOf(file)
    if (end === 'absent') return !present.delete(file)
    present.add(file)
    return end === '\n'
  }
  return async () => (await Promise.all(files.map(isComplete))).every(Boolean)
}

/** Empty for an empty file. What is no plain file is not ours to read. */
async function lastByteOf(file: string): Promise<string | 'absent'> {
  const found = await stat(file).catch(() => null)
  if (!found) return 'absent'
  if (!found.isFile()) return '\n'
  const handle = await open(file, 'r').catch(() => null)
  if (!handle) return 'absent'
  try {
    const { size } = await handle.stat()
    const { buffer, bytesRead } = await handle.read({
      buffer: Buffer.alloc(1),
      position: Math.max(0, size - 1),
    })
    return buffer.toString('latin1', 0, bytesRead)
  } catch {
    return 'absent'
  } finally {
    await handle.close()
  }
}
