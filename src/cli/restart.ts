// `tunnels restart`: closes forwards and opens them again, at once; returns when the first attempt of each has come
// to something.

import { formatJson } from '../view/json.ts'
import { exitCodeOfForwards } from './exit-code.ts'
import { firstOutcome } from './first-outcome.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'
import { tellAnswer } from './tell-answer.ts'
import { tellTroubles, troubledForwards, troubleOf } from './tell-troubles.ts'

/** One attempt through a few hosts, each with its time to connect. */
const PATIENCE_MS = 60_000

export async function restart(invocation: Invocation, { names }: { names: string[] }): Promise<number> {
  const { options, terminal } = invocation
  const client = await requireRunning(invocation)
  const meant = names.length > 0 ? names : null
  const answer = await client.restart(meant ? { names } : {})
  if (!options.json) tellAnswer(invocation, answer)
  const status = await firstOutcome(invocation, client, meant, PATIENCE_MS)
  const troubled = troubledForwards(status, meant)
  if (!options.json) tellTroubles(invocation, troubled)
  else if (troubled.length === 0) tellAnswer(invocation, answer)
  else terminal.print(`${formatJson({ problems: troubled.map(troubleOf) })}\n`)
  return exitCodeOfForwards(troubled)
}
