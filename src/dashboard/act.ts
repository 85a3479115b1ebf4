// What a page may change: restart, close and open one forward, each as the verb of its name does.

import type { ControlClient } from '../control/client.ts'
import { ProblemError } from '../model/problem.ts'
import type { Act } from './news.ts'

export const acts: readonly Act[] = ['restart', 'close', 'open']

/** Resolves when it has been started. Rejects with a ProblemError: USAGE for what is no forward of the file, or as the verb does. */
export async function act(what: Act, name: unknown, client: ControlClient): Promise<void> {
  const { forwards } = await client.addresses()
  const forward = forwards.find((each) => each.name === name)
  if (!forward) throw new ProblemError({ code: 'USAGE', summary: 'There is no such forward' })
  const names = [forward.name]
  switch (what) {
    case 'restart':
      await client.restart({ names })
      return
    case 'close':
      return client.down({ names })
    case 'open':
      await client.reconcile({ names })
  }
}
