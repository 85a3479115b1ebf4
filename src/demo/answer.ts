// Nothing in the demo is said to work that was not looked at: an answer is what was expected, or a problem.

import { ProblemError } from '../model/problem.ts'
import { fetchLines, fetchText, type Way } from './fetch-through.ts'

/** The answer, when it is exactly `expected` and a line break; else a ProblemError that names the forward. */
export async function expectAnswer(
  forward: string,
  url: string,
  expected: string,
  way: Way,
): Promise<string> {
  const answer = await fetchText(url, way).catch((error: unknown) => {
    throw wrong(`${url} through the forward ${forward} gave no answer`, String(error))
  })
  if (answer === `${expected}\n`) return answer
  throw wrong(`${url} through the forward ${forward} gave a wrong answer`, `It was: ${answer.trim()}`)
}

export interface Counting {
  /** Listens until the count is over `number`; returns the count. Rejects with a ProblemError when one is missing. */
  hearPast(number: number): Promise<number>
  stop(): Promise<void>
}

/** Keeps one connection open through `forward`, on which the service counts 1, 2, 3, … */
export function openCounting(forward: string, url: string, way: Way): Counting {
  const lines = fetchLines(url, way)
  let count = 0
  const hear = async () => {
    const { value, done } = await lines.next().catch((error: unknown) => {
      throw wrong(`The connection that was open through ${forward} broke after ${count}`, String(error))
    })
    if (done) throw wrong(`The connection that was open through ${forward} ended after ${count}`)
    count += 1
    if (value !== String(count)) throw wrong(`${forward} lost something: ${count} was due, ${value} came`)
  }
  return {
    hearPast: async (number) => {
      do await hear()
      while (count <= number)
      return count
    },
    stop: async () => {
      await lines.return(undefined)
    },
  }
}

function wrong(summary: string, detail?: string): ProblemError {
  return new ProblemError({ code: 'INTERNAL', summary, ...(detail && { detail }) })
}
