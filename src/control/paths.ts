// Which project is meant, and where its socket and its state live on this machine. A project is the real path
// of its first file's folder and that file's base name (and `-p`): nothing here reads the file itself.

import type { Stats } from 'node:fs'
import { chmod, lstat, realpath, stat } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { basename, dirname, isAbsolute, join, resolve } from 'node:path'
import { sha256 } from '@noble/hashes/sha2.js'
import { makeFolder } from '../files/make-folder.ts'
import { ProblemError } from '../model/problem.ts'
import { reasonOf } from '../model/state-folder.ts'

type Environment = Readonly<Record<string, string | undefined>>

export interface ProjectIdentity {
  /** Real path of the first file's folder. */
  folder: string
  /** Base name of the first file, as given; `-` for standard input. */
  file: string
  /** `-p`. */
  projectName: string | null
}

export interface ProjectPlace extends ProjectIdentity {
  /** Twelve hex digits, the same for the same project on every run. */
  id: string
  runtimeDir: string
  /** Folder of this project under the state folder; may not exist yet. */
  stateDir: string
}

/** A Unix socket's path has 104 bytes on macOS (108 on Linux), the final NUL included. */
const SOCKET_PATH_BYTES = 103

/** The identity of the project whose first file is `file` (any path, or `-` for a file on standard input). */
export async function identifyProject(
  file: string,
  options: { cwd: string; projectName: string | null },
): Promise<ProjectIdentity> {
  const path = file === '-' ? join(options.cwd, '-') : resolve(options.cwd, file)
  const folder = dirname(path)
  const realFolder = await realpath(folder).catch(() => folder)
  return { folder: realFolder, file: basename(path), projectName: options.projectName }
}

/** Where a project's socket and state are. Makes nothing; see {@link openRuntimeDir}. */
export function placeProject(identity: ProjectIdentity, env: Environment): ProjectPlace {
  const key = JSON.stringify([identity.folder, identity.file, identity.projectName])
  // `node:crypto` would load all that Node has of it: 5 ms of a whole `tunnels status`.
  const id = Buffer.from(sha256(Buffer.from(key))).toString('hex', 0, 6)
  return { ...identity, id, runtimeDir: runtimeDirOf(env).path, stateDir: join(stateHomeOf(env), id) }
}

/** Folder that holds the socket of the one supervisor of this project, for as long as it lives. */
export function lockDirOf(place: ProjectPlace): string {
  return join(place.runtimeDir, place.id)
}

/** `shared`: anybody may have made it first. Throws a ProblemError (USAGE) where TUNNELS_RUNTIME_DIR is relative. */
export function runtimeDirOf(env: Environment): { path: string; shared: boolean } {
  const own = absoluteIn(env, 'TUNNELS_RUNTIME_DIR')
  if (own) return { path: own, shared: false }
  const xdg = xdgFolder(env.XDG_RUNTIME_DIR)
  if (xdg) return { path: resolve(xdg, 'tunnels'), shared: false }
  return { path: join(tmpdir(), `tunnels-${userInfo().uid}`), shared: true }
}

/** Folder that holds every project's state folder. Throws a ProblemError (USAGE) where TUNNELS_STATE_DIR is relative. */
export function stateHomeOf(env: Environment): string {
  const own = absoluteIn(env, 'TUNNELS_STATE_DIR')
  if (own) return own
  const home = env.HOME || homedir()
  return join(xdgFolder(env.XDG_STATE_HOME) ?? join(home, '.local', 'state'), 'tunnels')
}

/** A relative one would be another folder, and so another supervisor, wherever somebody asks from. */
function absoluteIn(env: Environment, name: string): string | null {
  const path = env[name]
  if (!path) return null
  if (isAbsolute(path)) return resolve(path)
  throw new ProblemError({
    code: 'USAGE',
    summary: `${name} is ${path}, which is no absolute path`,
    hint: `Write it in full: ${resolve(path.replace(/^~(?=\/|$)/, homedir()))}`,
  })
}

/** XDG Base Directory Specification: a relative path is invalid, and is ignored. */
function xdgFolder(path: string | undefined): string | null {
  return path && isAbsolute(path) ? path : null
}

/**
 * Makes the runtime folder (0700 whatever the umask) and checks that nobody else can write to it.
 * Rejects with a ProblemError when another user made it first, or when a socket's path in it would be too long.
 */
export async function openRuntimeDir(env: Environment): Promise<string> {
  const { path } = runtimeDirOf(env)
  checkSocketLength(path)
  await makeOwn(path)
  await checkRuntimeDir(env)
  return path
}

async function makeOwn(path: string): Promise<void> {
  try {
    if (await makeFolder(path)) await chmod(path, 0o700)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return // not a folder: the check says so
    throw new ProblemError({
      code: 'LISTEN_FORBIDDEN',
      summary: `The folder ${path} for the control socket cannot be made (${reasonOf(error)})`,
      hint: 'Set TUNNELS_RUNTIME_DIR to a folder of your own',
    })
  }
}

/** False when it does not exist; rejects with a ProblemError when it is not safely ours. */
export async function checkRuntimeDir(env: Environment): Promise<boolean> {
  const { path, shared } = runtimeDirOf(env)
  const entry = await lstat(path).catch(() => null)
  if (!entry) return false
  // Below the temp folder anybody can be first; elsewhere a link is the user's own doing, and where it leads counts.
  const target = entry.isSymbolicLink() && !shared ? await stat(path).catch(() => null) : entry
  const reason = whyNot(entry, target, shared)
  if (reason === null) return true
  throw new ProblemError({
    code: 'LISTEN_FORBIDDEN',
    summary: `${path} cannot hold the control socket: ${reason}`,
    hint: shared
      ? 'Remove it, or set XDG_RUNTIME_DIR or TUNNELS_RUNTIME_DIR to a folder of your own'
      : 'Make it a folder of your own: chmod 700',
  })
}

/** Who can write to a folder can put a socket of theirs in the place of ours. */
function whyNot(entry: Stats, target: Stats | null, shared: boolean): string | null {
  if (!target?.isDirectory()) return 'it is not a folder'
  const own = userInfo().uid
  if (entry.uid !== own || target.uid !== own) return 'it belongs to another user'
  if (shared && (target.mode & 0o077) !== 0) return 'other users can open it'
  return (target.mode & 0o022) !== 0 ? 'other users can write to it' : null
}

function checkSocketLength(runtimeDir: string): void {
  const longest = Buffer.byteLength(join(runtimeDir, `${'0'.repeat(12)}.${'0'.repeat(8)}`, '00000000.sock'))
  if (longest <= SOCKET_PATH_BYTES) return
  throw new ProblemError({
    code: 'LISTEN_FORBIDDEN',
    summary: `${runtimeDir} is too long a path for a Unix socket`,
    detail: `A socket in it would have a path of ${longest} bytes; ${SOCKET_PATH_BYTES} are possible`,
    hint: 'Set TUNNELS_RUNTIME_DIR to a shorter path',
  })
}
