// The built binary as a user has it: a project folder of its own, with its own home, runtime and state folders.
// Whatever a test leaves running is taken down after it, and a supervisor that survives that fails the test.

import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { openControlClient } from '../../src/control/client.ts'
import { identifyProject, placeProject } from '../../src/control/paths.ts'
import type { Status } from '../../src/model/status.ts'
import { atEnd } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { testFolder } from './folder.ts'
import { processesWith } from './processes.ts'
import type { Sshd } from './sshd.ts'

export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export interface CliOptions {
  env?: Record<string, string>
  input?: string
  /** SIGKILL after this long; default 60 s. */
  timeoutMs?: number
  /** Default: the project's folder. */
  cwd?: string
  /** A command in front of it all, such as setpriv(1) with its options. */
  prefix?: string[]
}

export interface CliResult {
  /** null when a signal ended it. */
  code: number | null
  stdout: string
  stderr: string
}

export interface RunningCli {
  readonly pid: number
  /** What it has said so far. */
  stdout(): string
  stderr(): string
  signal(name: NodeJS.Signals): void
  readonly ended: Promise<CliResult>
}

export interface CliProject {
  readonly folder: string
  /** What every command gets besides PATH and the user's name; may be added to. */
  readonly env: Record<string, string>
  /** Writes or replaces a file of the project, `tunnels.yaml` for one; returns its path. */
  write(name: string, content: string): string
  run(args: string[], options?: CliOptions): Promise<CliResult>
  /** Runs on beside the test: `up` in the foreground. Killed after the test. */
  start(args: string[], options?: CliOptions): RunningCli
  /** `up -d --trust`; throws with everything it said unless it exits 0. */
  up(args?: string[], options?: CliOptions): Promise<CliResult>
  status(): Promise<Status>
  /** `down`; throws unless it exits 0. */
  down(args?: string[]): Promise<CliResult>
}

/** `files`: name → content. Nothing is started. */
export function project(files: Record<string, string>, env: Record<string, string> = {}): CliProject {
  if (!existsSync(MAIN)) throw new Error('There is no dist/main.js. Run `npm run build` first.')
  const folder = testFolder()
  const own = { ...privateFolders(folder.path), ...env }
  for (const [name, content] of Object.entries(files)) folder.write(name, content)
  const start = (args: string[], options: CliOptions = {}) =>
    startCli(folder.path, args, { ...options, env: { ...own, ...options.env } })
  const run = (args: string[], options?: CliOptions) => start(args, options).ended
  atEnd(() => leaveNothing(folder.path, run))
  return {
    folder: folder.path,
    env: own,
    write: (name, content) => folder.write(name, content),
    run,
    start,
    up: (args = [], options) => succeed(run, ['up', '-d', '--trust', ...args], options),
    down: (args = []) => succeed(run, ['down', ...args]),
    status: () => statusOf(folder.path, own, run),
  }
}

/** A host of a tunnels.yaml that is this server, in YAML's flow style: key named, host key pinned, no ssh_config. */
export function hostYaml(sshd: Sshd, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    hostname: '127.0.0.1',
    port: sshd.port,
    user: sshd.user,
    identity_file: sshd.identityFile,
    identities_only: true,
    host_keys: [sshd.hostKeyFingerprint],
    ssh_config: false,
    ...more,
  })
}

function privateFolders(folder: string): Record<string, string> {
  const folders = { HOME: '.home', TUNNELS_RUNTIME_DIR: '.runtime', TUNNELS_STATE_DIR: '.state' }
  const paths = Object.entries(folders).map(([name, leaf]) => [name, join(folder, leaf)] as const)
  for (const [, path] of paths) mkdirSync(path, { mode: 0o700 })
  return Object.fromEntries(paths)
}

function startCli(folder: string, args: string[], options: CliOptions): RunningCli {
  const node = process.env.TUNNELS_TEST_NODE ?? process.execPath
  const [command, ...words] = [...(options.prefix ?? []), node, MAIN, ...args] as [string, ...string[]]
  const user = userInfo().username
  const child = spawn(command, words, {
    cwd: options.cwd ?? folder,
    env: { PATH: process.env.PATH, USER: user, LOGNAME: user, LANG: 'C.UTF-8', ...options.env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  child.stdin.on('error', () => {})
  child.stdin.end(options.input ?? '')
  const said = { stdout: collect(child, 'stdout'), stderr: collect(child, 'stderr') }
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? 60_000)
  const ended = new Promise<CliResult>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ code, stdout: said.stdout(), stderr: said.stderr() })
    })
  })
  return { pid: child.pid ?? 0, ...said, signal: (name) => child.kill(name), ended }
}

function collect(child: ChildProcess, name: 'stdout' | 'stderr'): () => string {
  let text = ''
  child[name]?.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return () => text
}

type Run = (args: string[], options?: CliOptions) => Promise<CliResult>

/**
 * Asked of the supervisor itself: a process for each look is what most of the time of all tests went into. Where it is not
 * found so (other files, another user, nothing runs), the binary is asked.
 */
async function statusOf(folder: string, env: Record<string, string>, run: Run): Promise<Status> {
  const identity = await identifyProject(join(folder, 'tunnels.yaml'), { cwd: folder, projectName: null })
  const place = placeProject(identity, env)
  const client = await openControlClient({ place, env, version: '' }).catch(() => null)
  const status = await client?.status().catch(() => null)
  return status ?? (JSON.parse((await succeed(run, ['status', '--json'])).stdout) as Status)
}

async function succeed(run: Run, args: string[], options?: CliOptions): Promise<CliResult> {
  const result = await run(args, options)
  if (result.code === 0) return result
  throw new Error(`tunnels ${args.join(' ')} exited with ${result.code}\n${result.stdout}\n${result.stderr}`)
}

/** `down` first, then a look: nothing that knows this project's folder may be alive. */
async function leaveNothing(folder: string, run: Run): Promise<void> {
  const alive = () => processesWith(folder).filter(({ command }) => command.includes(MAIN))
  if (alive().length > 0) await run(['down'])
  try {
    await eventually(() => alive().length === 0, { timeoutMs: 10_000 })
  } catch {
    const left = alive()
    for (const { pid } of left) process.kill(pid, 'SIGKILL')
    throw new Error(`Still running after \`down\`: ${left.map(({ command }) => command).join('; ')}`)
  }
}
