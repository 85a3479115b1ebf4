// `tunnels restart`: closes forwards and opens them again, at once.

import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'
import { tellAnswer } from './tell-answer.ts'

export async function restart(invocation: Invocation, { names }: { names: string[] }): Promise<number> {
  const client = await requireRunning(invocation)
  tellAnswer(invocation, await client.restart(names.length > 0 ? { names } : {}))
  return EXIT.fine
}
