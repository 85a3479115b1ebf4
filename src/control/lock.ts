// One supervisor a project, always. The lock is a folder that holds its owner's listening socket, put into
// place by one rename(2): that succeeds only over nothing or over an empty folder, so of two that start at
// once one wins. A socket that refuses connections belongs to a dead process; its name is random and never
// used again, so anybody may remove it at any time: no pid is compared, no clock is read, nothing is renewed.

import { once } from 'node:events'
import { rmdirSync, unlinkSync } from 'node:fs'
import { chmod, lstat, mkdir, readdir, readFile, rename, rm, stat, unlink, writeFile } from 'node:fs/promises'
import { connect, type Server } from 'node:net'
import { join } from 'node:path'
import { ProblemError } from '../model/problem.ts'
import { unwritableRuntime } from '../model/state-folder.ts'
import { lockDirOf, type ProjectPlace } from './paths.ts'

/** What stands beside the socket, so that a project can be found by its name from anywhere. */
export interface LockInfo {
  /** The project's label; null until its file has been loaded. */
  project: string | null
  projectName: string | null
  folder: string
  file: string
  pid: number
  version: string
}

export interface ProjectLock {
  /** Path of the listening socket. */
  readonly socket: string
  /** Rejects with a ProblemError. */
  writeInfo(info: LockInfo): Promise<void>
  /** What somebody has removed. Never rejects. */
  missing(): Promise<'socket' | 'info' | null>
  /**
   * Lets the next one in, before it returns: whoever ends must not wait for a thread that a hanging disk holds. The
   * server stays with the caller, to answer what it already has and to close. Never throws.
   */
  release(): void
}

export interface LockHolder {
  socket: string
  /** Null when its file is missing or unreadable. */
  info: LockInfo | null
}

const ATTEMPTS = 200
/** A folder may be without its socket for as long as a busy machine takes from one call to the next … */
const ABANDONED_MS = 60_000
/** … and with one that does not listen yet for less: both happen in one call. */
const ABANDONED_SOCKET_MS = 1_000

/**
 * Makes `server` listen as the project's one supervisor; null when another one is alive (the server is then
 * closed). The runtime folder exists. Rejects with a ProblemError, and leaves nothing, when that cannot be written.
 */
export async function takeLock(
  place: ProjectPlace,
  server: Server,
  info: LockInfo,
): Promise<ProjectLock | null> {
  const lockDir = lockDirOf(place)
  const name = process.getBuiltinModule('node:crypto').randomBytes(4).toString('hex')
  const ownDir = `${lockDir}.${name}`
  await sweepAbandoned(place.runtimeDir)
  try {
    await prepare(ownDir, name, server, info)
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await moveInto(ownDir, lockDir)) return lockIn(place.runtimeDir, lockDir, name)
      if (!(await removeDead(lockDir))) return await withdraw(ownDir, server)
    }
  } catch (error) {
    await withdraw(ownDir, server)
    throw new ProblemError(unwritableRuntime(place.runtimeDir, error))
  }
  await withdraw(ownDir, server)
  throw new ProblemError({ code: 'INTERNAL', summary: `The lock ${lockDir} could not be taken` })
}

/** Removes what processes left that were killed in the moment between making their folder and moving it into place. */
export async function sweepAbandoned(runtimeDir: string): Promise<void> {
  const names = await readdir(runtimeDir).catch(() => [])
  for (const name of names.filter((name) => /^[0-9a-f]{12}\.[0-9a-f]{8}$/.test(name))) {
    const path = join(runtimeDir, name)
    if (await isAbandoned(path)) await rm(path, { recursive: true, force: true }).catch(() => {})
  }
}

/** Who holds the project's lock, dead or alive; null when nobody does. */
export async function findHolder(lockDir: string): Promise<LockHolder | null> {
  const names = await readdir(lockDir).catch(() => [])
  const socket = names.find((name) => name.endsWith('.sock'))
  if (!socket) return null
  return { socket: join(lockDir, socket), info: await readInfo(join(lockDir, infoName(socket))) }
}

/** Everything that holds a lock in this runtime folder, dead or alive. */
export async function listHolders(runtimeDir: string): Promise<LockHolder[]> {
  const names = await readdir(runtimeDir).catch(() => [])
  const locks = names.filter((name) => /^[0-9a-f]{12}$/.test(name))
  const holders = await Promise.all(locks.map((name) => findHolder(join(runtimeDir, name))))
  return holders.filter((holder) => holder !== null)
}

/** True when a process listens on this socket, also when it is too busy to answer. */
export async function isAlive(socket: string): Promise<boolean> {
  const client = connect(socket)
  try {
    await once(client, 'connect')
    return true
  } catch (error) {
    return !['ENOENT', 'ECONNREFUSED'].includes(codeOf(error))
  } finally {
    client.destroy()
  }
}

async function prepare(ownDir: string, name: string, server: Server, info: LockInfo): Promise<void> {
  await mkdir(ownDir, { mode: 0o700 })
  const socket = join(ownDir, `${name}.sock`)
  server.listen(socket)
  await once(server, 'listening')
  await chmod(socket, 0o600)
  await writeFile(join(ownDir, infoName(socket)), JSON.stringify(info), { mode: 0o600 })
}

async function moveInto(ownDir: string, lockDir: string): Promise<boolean> {
  try {
    await rename(ownDir, lockDir)
    return true
  } catch (error) {
    if (['ENOTEMPTY', 'EEXIST'].includes(codeOf(error))) return false
    throw error
  }
}

function lockIn(runtimeDir: string, lockDir: string, name: string): ProjectLock {
  const socket = join(lockDir, `${name}.sock`)
  const info = join(lockDir, infoName(socket))
  return {
    socket,
    writeInfo: async (value) => {
      try {
        await writeFile(`${info}.new`, JSON.stringify(value), { mode: 0o600 })
        await rename(`${info}.new`, info)
      } catch (error) {
        throw new ProblemError(unwritableRuntime(runtimeDir, error))
      }
    },
    missing: async () => {
      if (await isGone(socket)) return 'socket'
      return (await isGone(info)) ? 'info' : null
    },
    release: () => {
      for (const path of [socket, info, `${info}.new`]) tryTo(() => unlinkSync(path))
      tryTo(() => rmdirSync(lockDir))
    },
  }
}

/** Gone already, or the next one is in it. */
function tryTo(remove: () => void): void {
  try {
    remove()
  } catch {}
}

async function isGone(path: string): Promise<boolean> {
  return lstat(path).then(
    () => false,
    (error) => ['ENOENT', 'ENOTDIR'].includes(codeOf(error)),
  )
}

async function withdraw(ownDir: string, server: Server): Promise<null> {
  server.close()
  await rm(ownDir, { recursive: true, force: true }).catch(() => {})
  return null
}

/** False when a living supervisor holds it. */
async function removeDead(lockDir: string): Promise<boolean> {
  const names = await readdir(lockDir).catch(() => [])
  for (const name of names.filter((name) => name.endsWith('.sock')))
    if (await isAlive(join(lockDir, name))) return false
  for (const name of names) await unlink(join(lockDir, name)).catch(() => {})
  return true
}

async function isAbandoned(ownDir: string): Promise<boolean> {
  const changed = await stat(ownDir).catch(() => null)
  if (!changed) return false
  const ageMs = Date.now() - changed.mtimeMs
  const holder = await findHolder(ownDir)
  if (!holder) return ageMs > ABANDONED_MS
  return ageMs > ABANDONED_SOCKET_MS && !(await isAlive(holder.socket))
}

async function readInfo(path: string): Promise<LockInfo | null> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as LockInfo
  } catch {
    return null
  }
}

function infoName(socket: string): string {
  return `${socket.slice(socket.lastIndexOf('/') + 1, -'.sock'.length)}.json`
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? ''
}
