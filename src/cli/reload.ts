// `tunnels reload`: the running supervisor looks at its files again, now.

import { agree, waitingAt } from './agree.ts'
import { EXIT } from './exit-code.ts'
import { firstOutcome, PATIENCE_MS, withPerson } from './first-outcome.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'
import { canAsk } from './questions.ts'
import { tellAnswer } from './tell-answer.ts'

export async function reload(invocation: Invocation, { trust }: { trust: boolean }): Promise<number> {
  const client = await requireRunning(invocation)
  const trusted = await agree(invocation, waitingAt(client), { trust })
  if (typeof trusted === 'number') return trusted
  await withPerson(invocation, client, async () => {
    tellAnswer(invocation, await client.reconcile({ trusted }))
    // A person sees what comes of it; a script is not kept waiting.
    if (canAsk(invocation)) await firstOutcome(invocation, client, { names: null, timeoutMs: PATIENCE_MS })
  })
  return EXIT.fine
}
