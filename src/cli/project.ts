// Which project a verb means that asks a running supervisor: found by where its file is, or would be, or by
// `-p NAME` from anywhere; the file itself is never opened, so it may be broken or gone.

import { dirname } from 'node:path'
import { findFiles } from '../config/find.ts'
import { type ControlClient, clientOf, openControlClient } from '../control/client.ts'
import { isAlive, type LockHolder, listHolders } from '../control/lock.ts'
import {
  checkRuntimeDir,
  identifyProject,
  type ProjectPlace,
  placeProject,
  runtimeDirOf,
} from '../control/paths.ts'
import { ProblemError } from '../model/problem.ts'
import type { Invocation } from './invocation.ts'

/** The running supervisor that the options mean; null when there is none. */
export async function findRunning(invocation: Invocation): Promise<ControlClient | null> {
  const client = (await findByFile(invocation)) ?? (await findByHolders(invocation))
  if (client) invocation.terminal.explain(`Asking process ${client.pid} on ${client.socket}`)
  if (client?.otherVersion) noteOtherVersion(invocation, client.otherVersion)
  return client
}

/** As {@link findRunning}, but rejects with NOT_RUNNING. */
export async function requireRunning(invocation: Invocation): Promise<ControlClient> {
  const client = await findRunning(invocation)
  if (client) return client
  throw await notRunning(invocation)
}

export async function notRunning(
  invocation: Invocation,
  hint = 'Start it with `tunnels up`',
): Promise<ProblemError> {
  const { projectName } = invocation.options
  const what = projectName ? `the project ${projectName}` : ((await findFile(invocation)) ?? 'this folder')
  return new ProblemError({ code: 'NOT_RUNNING', summary: `Nothing is running for ${what}`, hint })
}

export function noteOtherVersion({ terminal, version }: Invocation, other: string): void {
  terminal.note(
    `The running supervisor is tunnels ${other}, this is ${version}: \`tunnels down\` and \`tunnels up\` bring them together`,
  )
}

/** Of the project whose file the options mean; null where there is none. */
export async function findPlace(invocation: Invocation): Promise<ProjectPlace | null> {
  const { cwd, env, options } = invocation
  const file = await findFile(invocation)
  if (file === null) return null
  return placeProject(await identifyProject(file, { cwd, projectName: options.projectName }), env)
}

async function findByFile(invocation: Invocation): Promise<ControlClient | null> {
  const { env, version } = invocation
  const place = await findPlace(invocation)
  return place && openControlClient({ place, env, version })
}

/** The first file; null where there is none. What is wrong with it is for those to say who read it. */
async function findFile({ options, env, cwd }: Invocation): Promise<string | null> {
  const found = await findFiles({ files: options.files, env: { ...env }, cwd })
  return found.value?.files[0] ?? null
}

/** What runs for this folder or the nearest parent, or under this name. */
async function findByHolders({ options, env, cwd, version }: Invocation): Promise<ControlClient | null> {
  if (options.files.length > 0 || !(await checkRuntimeDir(env))) return null
  const holders = await listHolders(runtimeDirOf(env).path)
  const meant = options.projectName
    ? holders.filter(({ info }) => [info?.projectName, info?.project].includes(options.projectName))
    : await nearest(holders, cwd)
  const alive: LockHolder[] = []
  for (const holder of meant) if (await isAlive(holder.socket)) alive.push(holder)
  if (alive.length > 1) throw ambiguous(alive)
  return alive[0] ? clientOf(alive[0], version) : null
}

async function nearest(holders: LockHolder[], cwd: string): Promise<LockHolder[]> {
  const { folder: here } = await identifyProject('-', { cwd, projectName: null })
  for (const folder of upwards(here)) {
    const found = holders.filter(({ info }) => info?.folder === folder && info.projectName === null)
    if (found.length > 0) return found
  }
  return []
}

function ambiguous(holders: LockHolder[]): ProblemError {
  return new ProblemError({
    code: 'USAGE',
    summary: 'More than one running project is meant',
    detail: holders.map(({ info }) => `${info?.folder}/${info?.file}`).join('\n'),
    hint: 'Say which with -f FILE',
  })
}

function* upwards(folder: string): Generator<string> {
  for (let at = folder; ; at = dirname(at)) {
    yield at
    if (at === dirname(at)) return
  }
}
