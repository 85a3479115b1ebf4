// `tunnels restart`: closes forwards and opens them again, at once; returns when the first attempt of each has come
// to something.

import type { ReconcileAnswer } from '../control/protocol.ts'
import type { Status } from '../model/status.ts'
import { formatJson } from '../view/json.ts'
import { agree, waitingAt } from './agree.ts'
import { exitCodeOfForwards } from './exit-code.ts'
import { firstOutcome, PATIENCE_MS, withPerson } from './first-outcome.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'
import { tellAnswer } from './tell-answer.ts'
import { tellTroubles, troubledForwards, troubleOf } from './tell-troubles.ts'

export async function restart(
  invocation: Invocation,
  { names, trust }: { names: string[]; trust: boolean },
): Promise<number> {
  const client = await requireRunning(invocation)
  const meant = names.length > 0 ? names : null
  const trusted = await agree(invocation, waitingAt(client), { trust })
  if (typeof trusted === 'number') return trusted
  const { answer, status } = await withPerson(invocation, client, async () => {
    const answer = await client.restart({ ...(meant && { names: meant }), trusted })
    if (!invocation.options.json) tellAnswer(invocation, answer)
    return {
      answer,
      status: await firstOutcome(invocation, client, { names: meant, timeoutMs: PATIENCE_MS }),
    }
  })
  return report(invocation, answer, troubledForwards(status, meant))
}

function report(invocation: Invocation, answer: ReconcileAnswer, troubled: Status['forwards']): number {
  const { options, terminal } = invocation
  if (!options.json) tellTroubles(invocation, troubled)
  else if (troubled.length === 0) tellAnswer(invocation, answer)
  else terminal.print(`${formatJson({ problems: troubled.map(troubleOf) })}\n`)
  return exitCodeOfForwards(troubled)
}
