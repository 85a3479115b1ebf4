// What a person should know of what was imported: what was left out, and what is otherwise than they might think.

import type { Draft } from '../import/draft.ts'
import type { Problem } from '../model/problem.ts'
import { makePrintable } from '../view/printable.ts'
import type { Invocation } from './invocation.ts'
import { showProblems } from './selection.ts'

/** On standard error; nothing with `--json`, where it is part of the answer. */
export function tellDraft(
  invocation: Invocation,
  { warnings, notes }: Pick<Draft, 'warnings' | 'notes'>,
): void {
  if (invocation.options.json) return
  const problems = warnings.map((summary): Problem => {
    return { code: 'CONFIG_WARNING', summary: makePrintable(summary), severity: 'warning' }
  })
  showProblems(invocation, problems)
  for (const note of notes) invocation.terminal.note(makePrintable(note))
}
