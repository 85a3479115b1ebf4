// Which project is meant, and where its socket and its state live on this machine. A project is the real path
// of its first file's folder and that file's base name (and `-p`): nothing here reads the file itself.

import { chmod, lstat, mkdir, realpath } from 'node:fs/promises'
import { homedir, tmpdir, userInfo } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'
import { ProblemError } from '../model/problem.ts'

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
  // An import would load all of it, the Web Crypto API too: a twentieth of the time of a whole `tunnels status`.
  const { createHash } = process.getBuiltinModule('node:crypto')
  const id = createHash('sha256').update(key).digest('hex').slice(0, 12)
  return { ...identity, id, runtimeDir: runtimeDirOf(env).path, stateDir: join(stateHomeOf(env), id) }
}

/** Folder that holds the socket of the one supervisor of this project, for as long as it lives. */
export function lockDirOf(place: ProjectPlace): string {
  return join(place.runtimeDir, place.id)
}

export function runtimeDirOf(env: Environment): { path: string; shared: boolean } {
  if (env.TUNNELS_RUNTIME_DIR) return { path: resolve(env.TUNNELS_RUNTIME_DIR), shared: false }
  if (env.XDG_RUNTIME_DIR) return { path: resolve(env.XDG_RUNTIME_DIR, 'tunnels'), shared: false }
  return { path: join(tmpdir(), `tunnels-${userInfo().uid}`), shared: true }
}

/** Folder that holds every project's state folder. */
export function stateHomeOf(env: Environment): string {
  if (env.TUNNELS_STATE_DIR) return resolve(env.TUNNELS_STATE_DIR)
  const home = env.HOME || homedir()
  return join(env.XDG_STATE_HOME || join(home, '.local', 'state'), 'tunnels')
}

/**
 * Makes the runtime folder (0700 whatever the umask) and checks that nobody else can write to it.
 * Rejects with a ProblemError when another user made it first, or when a socket's path in it would be too long.
 */
export async function openRuntimeDir(env: Environment): Promise<string> {
  const { path } = runtimeDirOf(env)
  checkSocketLength(path)
  await makeFolder(path)
  await checkRuntimeDir(env)
  return path
}

async function makeFolder(path: string): Promise<void> {
  try {
    const made = await mkdir(path, { recursive: true, mode: 0o700 })
    if (made) await chmod(path, 0o700)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (code === 'EEXIST') return // not a folder: the check says so
    throw new ProblemError({
      code: 'LISTEN_FORBIDDEN',
      summary: `The folder ${path} for the control socket cannot be made (${code})`,
      hint: 'Set TUNNELS_RUNTIME_DIR to a folder of your own',
    })
  }
}

/** False when it does not exist; rejects with a ProblemError when it is not safely ours. */
export async function checkRuntimeDir(env: Environment): Promise<boolean> {
  const { path, shared } = runtimeDirOf(env)
  const stat = await lstat(path).catch(() => null)
  if (!stat) return false
  const isOurs = stat.uid === userInfo().uid
  // Below the temp folder anybody can be first; elsewhere a link is the user's own doing.
  const isFolder = stat.isDirectory() || (!shared && stat.isSymbolicLink() && isOurs)
  const isPrivate = stat.isSymbolicLink() || (stat.mode & (shared ? 0o077 : 0o022)) === 0
  if (isOurs && isFolder && isPrivate) return true
  throw new ProblemError({
    code: 'LISTEN_FORBIDDEN',
    summary: `${path} cannot hold the control socket: ${whyNot(isOurs, isFolder)}`,
    hint: shared
      ? 'Remove it, or set XDG_RUNTIME_DIR or TUNNELS_RUNTIME_DIR to a folder of your own'
      : 'Make it a folder of your own: chmod 700',
  })
}

function whyNot(isOurs: boolean, isFolder: boolean): string {
  if (!isFolder) return 'it is not a folder'
  return isOurs ? 'other users can open it' : 'it belongs to another user'
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
