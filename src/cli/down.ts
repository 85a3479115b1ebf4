// `tunnels down`: closes forwards; without names all of them, and the supervisor with them. Nothing to close is fine.

import { parseDuration } from '../config/duration.ts'
import { sweepAbandoned } from '../control/lock.ts'
import { checkRuntimeDir, runtimeDirOf } from '../control/paths.ts'
import { ProblemError, problemOf } from '../model/problem.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { findRunning } from './project.ts'

export interface DownArguments {
  names: string[]
  /** A duration as the file writes it. */
  drain: string | null
  /** Every project of this user. */
  all: boolean
}

export async function down(invocation: Invocation, { names, drain, all }: DownArguments): Promise<number> {
  const drainMs = drain === null ? 0 : drainMsOf(drain)
  if (all) return downEverything(invocation, names, drainMs)
  const { terminal } = invocation
  const client = await findRunning(invocation)
  if (!client) {
    const { env } = invocation
    if (await checkRuntimeDir(env)) await sweepAbandoned(runtimeDirOf(env).path)
    terminal.note('Nothing is running for this project')
    return EXIT.fine
  }
  try {
    await client.down({ drainMs, ...(names.length > 0 && { names }) })
  } catch (error) {
    // It ended while we asked: that is what was wanted.
    if (problemOf(error).code !== 'NOT_RUNNING') throw error
  }
  terminal.note(names.length > 0 ? `Closed ${names.join(', ')}` : 'Everything is closed')
  return EXIT.fine
}

async function downEverything(invocation: Invocation, names: string[], drainMs: number): Promise<number> {
  const isNarrowed = names.length > 0 || invocation.options.files.length > 0
  if (isNarrowed)
    throw new ProblemError({
      code: 'USAGE',
      summary: '--all closes every project: it takes no name and no file',
    })
  const { downAll } = await import('./down-all.ts')
  return downAll(invocation, drainMs)
}

function drainMsOf(text: string): number {
  const duration = parseDuration(text)
  if (duration.ok) return duration.value
  throw new ProblemError({ code: 'USAGE', summary: `--drain ${duration.complaint}` })
}
