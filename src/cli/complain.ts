// What went wrong in a command, as its terminal or its reader of JSON takes it.

import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import { formatJson } from '../view/json.ts'
import { exitCodeOf } from './exit-code.ts'
import type { Invocation } from './invocation.ts'

/** Resolves with the exit code that goes with it. */
export async function complain(error: unknown, { options, terminal }: Invocation): Promise<number> {
  const problems: readonly Problem[] = error instanceof ProblemError ? error.problems : [problemOf(error)]
  if (options.json) terminal.print(`${formatJson({ problems })}\n`)
  else {
    const { formatProblems } = await import('../view/problem.ts')
    const view = { sources: () => undefined, color: terminal.color.err, cwd: process.cwd() }
    terminal.complain(formatProblems([...problems], view).trimEnd())
  }
  return exitCodeOf(problems)
}
