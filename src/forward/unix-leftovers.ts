// What a process leaves beside a Unix socket when it is killed while it puts one there (see unix-place.ts):
// the folder in which a socket comes into being, and the claim on a dead one. The next to listen there tidies up.

import { lstat, readdir, rm, unlink } from 'node:fs/promises'
import { connect } from 'node:net'
import { join } from 'node:path'

export const HIDDEN_PREFIX = '.tunnels-'
const CLAIM_PREFIX = `${HIDDEN_PREFIX}dead-`

/** Somebody at work is done with either of them in milliseconds; without its socket yet, a folder may be newer than it looks. */
const abandonedAfterMs = 2_000
const emptyAfterMs = 60_000

/** The name by which one process alone may remove the dead socket with this inode. */
export function claimPath(folder: string, ino: number): string {
  return join(folder, `${CLAIM_PREFIX}${ino}`)
}

/** Never rejects: what cannot be removed harms nobody. */
export async function removeLeftovers(folder: string): Promise<void> {
  const names = await readdir(folder).catch(() => [])
  for (const name of names.filter((name) => name.startsWith(HIDDEN_PREFIX))) {
    const path = join(folder, name)
    if (name.startsWith(CLAIM_PREFIX)) await removeClaimIfLeft(path)
    else await removeHidden(path).catch(() => {})
  }
}

/** True when it was left behind, and is gone. link(2) sets the time that is looked at. Never rejects. */
export async function removeClaimIfLeft(claim: string): Promise<boolean> {
  const stat = await lstat(claim).catch(() => null)
  if (!stat || Date.now() - stat.ctimeMs < abandonedAfterMs) return false
  return unlink(claim).then(
    () => true,
    () => false,
  )
}

async function removeHidden(path: string): Promise<void> {
  const { mtimeMs, uid } = await lstat(path)
  const ageMs = Date.now() - mtimeMs
  if (uid !== process.getuid?.() || ageMs < abandonedAfterMs) return
  const [socket] = await readdir(path)
  const isLeft = socket === undefined ? ageMs > emptyAfterMs : !(await isAnswered(join(path, socket)))
  if (isLeft) await rm(path, { recursive: true, force: true })
}

/** Only a refused connection proves that nobody listens. */
export function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', ({ code }: NodeJS.ErrnoException) =>
      resolve(code !== 'ECONNREFUSED' && code !== 'ENOENT'),
    )
  })
}
