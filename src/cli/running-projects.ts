// Every supervisor of this user that is alive, each asked within a bound: one that hangs is a row like any other.

import { access } from 'node:fs/promises'
import { join } from 'node:path'
import { type ControlClient, clientOf } from '../control/client.ts'
import { isAlive, type LockHolder, listHolders } from '../control/lock.ts'
import { checkRuntimeDir, runtimeDirOf } from '../control/paths.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { RunningProject } from '../view/projects.ts'
import type { Invocation } from './invocation.ts'

export interface RunningSupervisor {
  holder: LockHolder
  client: ControlClient
}

/** In no particular order. Rejects with a ProblemError when the runtime folder is not safely ours. */
export async function findSupervisors({ env, version }: Invocation): Promise<RunningSupervisor[]> {
  if (!(await checkRuntimeDir(env))) return []
  const holders = await listHolders(runtimeDirOf(env).path)
  const alive = await Promise.all(holders.map((holder) => isAlive(holder.socket)))
  const found = holders.filter((_, index) => alive[index])
  return found.map((holder) => ({ holder, client: clientOf(holder, version) }))
}

/** Sorted by name. One that ended while it was asked is left out. */
export async function describeProjects(supervisors: RunningSupervisor[]): Promise<RunningProject[]> {
  const rows = await Promise.all(supervisors.map(describe))
  return rows
    .filter((row) => row !== null)
    .sort((a, b) => compare(a.project, b.project) || (a.pid ?? 0) - (b.pid ?? 0))
}

async function describe({ holder, client }: RunningSupervisor): Promise<RunningProject | null> {
  const { info } = holder
  const answer = await client.status().catch((error: unknown) => problemOf(error))
  if ('code' in answer) return answer.code === 'NOT_RUNNING' ? null : unreachable(holder, answer)
  const { project, files, supervisor, config, forwards } = answer
  const open = forwards.filter(({ state }) => state === 'open' || state === 'idle').length
  const staying = forwards.filter(({ state }) => state !== 'draining' && state !== 'closed').length
  return {
    project,
    projectName: info?.projectName ?? null,
    files,
    fileGone: await isGone(files[0]),
    ...supervisor,
    state: 'running',
    config: config.state,
    forwards: { open, total: staying },
    problem: null,
  }
}

function unreachable({ info }: LockHolder, problem: Problem): RunningProject {
  const file = info ? join(info.folder, info.file) : null
  return {
    project: info?.project ?? info?.projectName ?? '',
    projectName: info?.projectName ?? null,
    files: file ? [file] : [],
    fileGone: false,
    pid: info?.pid ?? null,
    startedAt: null,
    version: info?.version ?? null,
    watching: null,
    state: 'unreachable',
    config: null,
    forwards: null,
    problem,
  }
}

async function isGone(file: string | undefined): Promise<boolean> {
  if (file === undefined || file === '-') return false
  return access(file).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT' || error.code === 'ENOTDIR',
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}
