// What a test has opened ends with it: registered here, stopped in reverse order. Opened in `beforeAll`
// (or anywhere outside a test) it ends with the file, through test/helpers/setup.ts.

import { onTestFinished, type TestContext } from 'vitest'

export interface Outcome {
  failed: boolean
}

type Stop = (outcome: Outcome) => void | Promise<void>

const ofFile: Stop[] = []

/** `stop` must be idempotent: a test may have called it already. Not for `test.concurrent`, where vitest cannot know whose it is. */
export function atEnd(stop: Stop): void {
  try {
    onTestFinished(({ task }: TestContext) => stop({ failed: task.result?.state === 'fail' }))
  } catch {
    ofFile.push(stop)
  }
}

/** Called once a file, after everything in it. All are stopped, also when one of them throws. */
export async function endFile(outcome: Outcome): Promise<void> {
  const failures: unknown[] = []
  for (const stop of ofFile.splice(0).reverse()) {
    try {
      await stop(outcome)
    } catch (error) {
      failures.push(error)
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, failures.map(String).join('\n'))
}
