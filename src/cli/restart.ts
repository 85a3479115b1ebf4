// `tunnels restart`: closes forwards and opens them again, at once.

import { agree, waitingAt } from './agree.ts'
import { EXIT } from './exit-code.ts'
import { withPerson } from './first-outcome.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'
import { tellAnswer } from './tell-answer.ts'

export async function restart(
  invocation: Invocation,
  { names, trust }: { names: string[]; trust: boolean },
): Promise<number> {
  const client = await requireRunning(invocation)
  const meant = names.length > 0 ? names : null
  const trusted = await agree(invocation, waitingAt(client), { trust })
  if (typeof trusted === 'number') return trusted
  await withPerson(invocation, client, meant, async () =>
    tellAnswer(invocation, await client.restart({ ...(meant && { names: meant }), trusted })),
  )
  return EXIT.fine
}
