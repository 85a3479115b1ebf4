// A folder, and those above it that are missing. Node's own `recursive` tries for ever, and busily, where the system says
// ENOENT of a folder whose parent is there: in /proc, or where an automounter knows nothing of that name.

import { mkdirSync, statSync } from 'node:fs'
import { mkdir, stat } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Each that is made is 0700. False: it was there. Rejects with what the system says; EEXIST: something else is there. */
export async function makeFolder(path: string): Promise<boolean> {
  const make = () => mkdir(path, { mode: 0o700 })
  try {
    await make().catch(async (error: unknown) => {
      if (!isMissing(error) || dirname(path) === path) throw error
      await makeFolder(dirname(path))
      await make()
    })
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && (await stat(path)).isDirectory()) return false
    throw error
  }
}

/** The same, for who has no time left to wait. */
export function makeFolderSync(path: string): boolean {
  const make = () => mkdirSync(path, { mode: 0o700 })
  try {
    try {
      make()
    } catch (error) {
      if (!isMissing(error) || dirname(path) === path) throw error
      makeFolderSync(dirname(path))
      make()
    }
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST' && statSync(path).isDirectory()) return false
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return codeOf(error) === 'ENOENT'
}

function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException).code
}
