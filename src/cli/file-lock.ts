// One `tunnels` at a time reads a file, adds to it and writes it. The lock is a link beside the file that leads to the number
// of a process: made in one step, and nobody's where that process is gone. An editor knows nothing of it.

import { readlink, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { ProblemError } from '../model/problem.ts'

const LOOK_MS = 20
/** A minute: each of many at once takes its time on a busy machine. */
const MOST_LOOKS = 3000

/** `path`: not through a link, so that all mean the same lock. Rejects with a ProblemError where somebody never lets go. */
export async function whileLocked<T>(path: string, body: () => Promise<T>): Promise<T> {
  const lock = join(dirname(path), `.${basename(path)}.lock`)
  const isOurs = await take(lock)
  return body().finally(() => (isOurs ? rm(lock, { force: true }) : undefined))
}

/** False where there can be no lock: the folder is not there or not ours, or its file system has no links. */
async function take(lock: string): Promise<boolean> {
  for (let look = 0; look < MOST_LOOKS; look++) {
    try {
      await symlink(String(process.pid), lock)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') return false
    }
    const holder = await readlink(lock).catch(() => null)
    if (holder !== null && !isRunning(Number(holder))) await rm(lock, { force: true })
    else await delay(LOOK_MS)
  }
  const summary = `Another process does not let go of ${lock}`
  throw new ProblemError({ code: 'CONFIG_UNREADABLE', summary, hint: 'Remove it where nobody is writing' })
}

/** One of another user is there, too. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
