// One question after the other: a person sees one at a time, and who has been asked may finish the answer, also when
// the server has long hung up; the next attempt has it.

import type { Ask } from '../model/prompt.ts'

export interface OneQuestion {
  /** Undefined where nobody can be asked. */
  ask: Ask | undefined
  /** Resolves when nothing is being asked. Never rejects. */
  idle(): Promise<void>
}

export function oneQuestionAtATime(ask: Ask | undefined): OneQuestion {
  let last: Promise<unknown> = Promise.resolve()
  const next: Ask = (question, signal) => {
    const asked = last.then(() => {
      signal.throwIfAborted()
      return ask!(question, signal)
    })
    last = asked.catch(() => {})
    return asked
  }
  const idle = async () => {
    for (let seen: Promise<unknown> | null = null; seen !== last; ) {
      seen = last
      await seen
    }
  }
  return { ask: ask && next, idle }
}
