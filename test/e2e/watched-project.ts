// A project that runs while a test edits it: the file as data, and the supervisor asked over its socket without
// starting a process for each question.

import { join } from 'node:path'
import { type ControlClient, openControlClient } from '../../src/control/client.ts'
import { identifyProject, placeProject } from '../../src/control/paths.ts'
import type { ForwardStatus, Status } from '../../src/model/status.ts'
import type { CliProject } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { processesWith } from '../helpers/processes.ts'
import { isFull } from '../helpers/sample.ts'

export type Yaml = Record<string, unknown>

/** Hosts are given as hostYaml() has them. */
export function fileOf(hosts: Record<string, string>, forwards: Record<string, Yaml>): string {
  const section = (entries: [string, string][]) =>
    entries.map(([name, text]) => `  ${name}: ${text}\n`).join('')
  const declared = section(Object.entries(hosts))
  const listed = section(Object.entries(forwards).map(([name, forward]) => [name, JSON.stringify(forward)]))
  return `hosts:\n${declared}forwards:\n${listed || '  {}\n'}`
}

export async function controlOf(cli: CliProject): Promise<ControlClient> {
  const file = join(cli.folder, 'tunnels.yaml')
  const place = placeProject(await identifyProject(file, { cwd: cli.folder, projectName: null }), cli.env)
  const client = await openControlClient({ place, env: cli.env, version: '' })
  if (!client) throw new Error('Nothing is running for this project')
  return client
}

/** As `reload --trust`. */
export async function reloadTrusting(control: ControlClient): Promise<void> {
  const { waiting } = await control.trust()
  await control.reconcile({ trusted: waiting.map(({ hash }) => hash) })
}

/** The status as soon as `isExpected` is true of it; the last one seen is the failure's message. */
export function statusWhen(
  control: Pick<ControlClient, 'status'>,
  isExpected: (status: Status) => boolean,
): Promise<Status> {
  return eventually(
    async () => {
      const status = await control.status()
      if (isExpected(status)) return status
      throw new Error(`Never what ${isExpected} asks for: ${brief(status)}`)
    },
    { everyMs: 10 },
  )
}

function brief({ config, hosts, forwards }: Status): string {
  const problems = config.problems.map(
    ({ code, at, summary }) => `${code} ${at?.line}:${at?.column} ${summary}`,
  )
  const list = [...hosts, ...forwards].map(
    ({ name, state, problem }) => `${name} ${state} ${problem?.summary ?? ''}`,
  )
  return [`config ${config.state}`, ...problems, ...list].join('\n')
}

export function forwardIn(status: Status, name: string): ForwardStatus | undefined {
  return status.forwards.find((forward) => forward.name === name)
}

export function supervisorsOf(cli: CliProject): number[] {
  const all = processesWith(cli.folder)
  return all.filter(({ command }) => command.includes('__supervise')).map(({ pid }) => pid)
}

/** How long it takes from `start` until `isDone`, looked at every few milliseconds. */
export async function timeUntil(start: number, isDone: () => boolean | Promise<boolean>): Promise<number> {
  await eventually(isDone, { everyMs: 5 })
  return performance.now() - start
}

/** The same sequence for the same seed: a failure names it. */
export function randomOf(seed: number): (below: number) => number {
  let state = seed >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** From the environment, to repeat a run that failed. */
export const seed = Number(process.env.TUNNELS_TEST_SEED ?? Math.floor(Math.random() * 1e9))

/** For tests that do more of the same in a full run. */
export const patient = { timeout: isFull ? 600_000 : 120_000 }
