// A word for who wonders why nothing happens while a forward is waited for: what keeps it, once each.

import type { Problem } from '../model/problem.ts'
import { makePrintable } from '../view/printable.ts'
import type { Terminal } from './terminal.ts'

export interface Kept {
  name: string
  problem: Problem | null
}

/** To be called again and again, with all that are waited for. */
export function tellKept(terminal: Terminal): (kept: readonly Kept[]) => void {
  const told = new Set<string>()
  return (kept) => {
    for (const { name, problem } of kept) {
      if (!problem || told.has(problem.summary)) continue
      told.add(problem.summary)
      terminal.note(`${makePrintable(name)}: ${makePrintable(problem.summary)}; waiting`)
    }
  }
}
