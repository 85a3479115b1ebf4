// `tunnels reload`: the running supervisor looks at its files again, now.

import { EXIT } from './exit-code.ts'
import { withPerson } from './first-outcome.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'
import { tellAnswer } from './tell-answer.ts'

export async function reload(invocation: Invocation): Promise<number> {
  const client = await requireRunning(invocation)
  await withPerson(invocation, client, null, async () => tellAnswer(invocation, await client.reconcile()))
  return EXIT.fine
}
