// Where a Unix socket's file stands. It comes into being with its mode, never a moment without: bound inside
// a folder that only we can enter, then linked to its place. It takes the place of a dead socket of ours at
// most, and goes away only while it is still the one we made.

import { chmod, link, lstat, mkdtemp, open, rm, unlink } from 'node:fs/promises'
import { basename, dirname, join, relative } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { makeFolder } from '../files/make-folder.ts'
import { type Problem, type ProblemCode, ProblemError } from '../model/problem.ts'
import { claimPath, HIDDEN_PREFIX, isAnswered, removeClaimIfLeft, removeLeftovers } from './unix-leftovers.ts'
import { checkUnixPath } from './unix-path.ts'

interface PlaceOptions {
  mode: number
  replace: boolean
  project?: string
}

export interface UnixPlace {
  isThere: () => Promise<boolean>
  remove: () => Promise<void>
}

/**
 * Calls `bind` with the path at which to listen. `remove` takes the file away if it is still ours, `isThere` tells whether
 * it is; neither rejects.
 * Rejects with a ProblemError, or with the system's error for what is not special to socket files.
 */
export async function placeUnixSocket(
  path: string,
  options: PlaceOptions,
  bind: (path: string) => Promise<void>,
): Promise<UnixPlace> {
  const tooLong = checkUnixPath(path)
  if (tooLong) throw problem('LISTEN_FAILED', `Cannot listen on ${path}: ${tooLong}`)
  const folder = dirname(path)
  await makeMissing(path, folder, options.project)
  await removeLeftovers(folder)
  const hidden = await mkdtemp(join(folder, HIDDEN_PREFIX))
  try {
    const born = join(hidden, 's')
    await withShortPath(hidden, born, bind)
    await chmod(born, options.mode)
    const { ino, dev } = await lstat(born)
    await moveIn(born, path, options.replace)
    return { isThere: () => isSame(path, ino, dev), remove: () => removeIfSame(path, ino, dev) }
  } finally {
    await rm(hidden, { recursive: true, force: true })
  }
}

async function makeMissing(path: string, folder: string, project: string | undefined): Promise<void> {
  const isThere = await lstat(folder).then(
    () => true,
    () => false,
  )
  if (isThere) return
  const isInside = project === undefined || !relative(project, folder).startsWith('..')
  if (!isInside) {
    throw problem('LISTEN_FAILED', `Cannot listen on ${path}: the folder ${folder} does not exist`, {
      hint: 'Make the folder: tunnels makes only those inside the project',
    })
  }
  await makeFolder(folder)
}

/** The hidden folder may make the path too long to bind; Linux has a short name for every open folder. */
async function withShortPath(folder: string, path: string, bind: (path: string) => Promise<void>) {
  if (!checkUnixPath(path)) return bind(path)
  const handle = await open(folder)
  try {
    await bind(`/proc/self/fd/${handle.fd}/${basename(path)}`)
  } finally {
    await handle.close()
  }
}

/** link(2) never overwrites: whoever puts a socket there in between wins, and we say so. */
async function moveIn(born: string, path: string, replace: boolean): Promise<void> {
  if (await linked(born, path)) return
  await makeWay(path, replace)
  if (!(await linked(born, path))) throw justTaken(path)
}

/** False when somebody was faster: a file is there, or what was to be linked has gone. */
async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to)
    return true
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOENT') return false
    throw error
  }
}

/** Removes a dead socket of ours; anything else there is a problem, and stays. */
async function makeWay(path: string, replace: boolean): Promise<void> {
  const old = await lstat(path).catch(() => null)
  if (!old) return
  if (!old.isSocket()) {
    throw problem('LISTEN_FAILED', `Cannot listen on ${path}: a file that is no socket is there`, {
      hint: 'Choose another path, or remove it yourself: only sockets are ever replaced',
    })
  }
  if (await isAnswered(path))
    throw problem('PORT_IN_USE', `${path} is already in use: somebody listens on it`)
  if (old.uid !== process.getuid?.()) {
    throw problem('PORT_IN_USE', `${path} is a socket that belongs to another user`)
  }
  if (!replace) {
    throw problem('PORT_IN_USE', `${path} is a socket that was left behind`, {
      hint: 'Remove it, or set `socket: { replace: true }`',
    })
  }
  await removeDead(path, old.ino)
}

/**
 * Several may want to replace one dead socket: the first to link its inode to this name may, and looks again
 * once it has it, because the file may be somebody's new socket by then.
 */
async function removeDead(path: string, ino: number): Promise<void> {
  const claim = claimPath(dirname(path), ino)
  while (!(await linked(path, claim))) await untilGone(claim, path)
  try {
    if ((await lstat(claim)).ino !== ino || (await isAnswered(path))) throw justTaken(path)
    await unlink(path)
  } finally {
    await unlink(claim)
  }
}

/** Whoever claimed it has it by then, and we do not; only where they died over it may another try. */
async function untilGone(claim: string, path: string): Promise<void> {
  for (let look = 0; look < 100; look++) {
    if (!(await lstat(claim).catch(() => null))) break
    if (await removeClaimIfLeft(claim)) return
    await delay(50)
  }
  throw justTaken(path)
}

function justTaken(path: string): ProblemError {
  return problem('PORT_IN_USE', `${path} is already in use: somebody else just began to listen there`)
}

async function removeIfSame(path: string, ino: number, dev: number): Promise<void> {
  if (await isSame(path, ino, dev)) await unlink(path).catch(() => {})
}

async function isSame(path: string, ino: number, dev: number): Promise<boolean> {
  const now = await lstat(path).catch(() => null)
  return now?.ino === ino && now.dev === dev
}

function problem(code: ProblemCode, summary: string, more: Partial<Problem> = {}): ProblemError {
  return new ProblemError({ code, summary, ...more })
}
