// `tunnels reload`: the running supervisor looks at its files again, now.

import { agree, waitingAt } from './agree.ts'
import { EXIT } from './exit-code.ts'
import { withPerson } from './first-outcome.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'
import { tellAnswer } from './tell-answer.ts'

export async function reload(invocation: Invocation, { trust }: { trust: boolean }): Promise<number> {
  const client = await requireRunning(invocation)
  const trusted = await agree(invocation, waitingAt(client), { trust })
  if (typeof trusted === 'number') return trusted
  await withPerson(invocation, client, null, async () =>
    tellAnswer(invocation, await client.reconcile({ trusted })),
  )
  return EXIT.fine
}
