// `tunnels down --all`: ends every supervisor of this user. One that hangs is named, and keeps nobody waiting.

import { sweepAbandoned } from '../control/lock.ts'
import { runtimeDirOf } from '../control/paths.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { findSupervisors, type RunningSupervisor } from './running-projects.ts'

export async function downAll(invocation: Invocation, drainMs: number): Promise<number> {
  const supervisors = await findSupervisors(invocation)
  if (supervisors.length === 0) invocation.terminal.note('Nothing is running')
  await sweepAbandoned(runtimeDirOf(invocation.env).path)
  const outcomes = await Promise.all(supervisors.map((each) => end(invocation, each, drainMs)))
  const problems = outcomes.filter((outcome) => outcome !== null)
  if (problems.length > 0) throw new ProblemError(problems)
  return EXIT.fine
}

/** Null when it is down. */
async function end(
  { terminal }: Invocation,
  { client, holder: { info } }: RunningSupervisor,
  drainMs: number,
): Promise<Problem | null> {
  try {
    await client.down({ drainMs })
  } catch (error) {
    const problem = problemOf(error)
    if (problem.code !== 'NOT_RUNNING') return problem
  }
  terminal.note(
    `Closed ${info?.project ?? 'a project'} (${info ? `${info.folder}/${info.file}` : client.socket})`,
  )
  return null
}
