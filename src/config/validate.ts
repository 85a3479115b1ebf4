// Holds a tree against the schema that editors use, too.

import { validate } from './generated/validate-schema.js'
import type { Reading } from './reading.ts'
import { explainSchemaErrors, type SchemaProblem } from './schema-problems.ts'

/**
 * Adds what is wrong with the shape of things. Returns doubts about the form of texts: whoever parses them says
 * it better, and `addDoubts` afterwards adds those about which nobody said anything.
 */
export function validateTree(reading: Reading): SchemaProblem[] {
  if (validate(reading.tree.value)) return []
  const found = explainSchemaErrors(reading.tree, validate.errors ?? [])
  addProblems(
    reading,
    found.filter(({ isDoubt }) => !isDoubt),
  )
  return found.filter(({ isDoubt }) => isDoubt)
}

export function addDoubts(reading: Reading, doubts: readonly SchemaProblem[]): void {
  addProblems(reading, doubts)
}

function addProblems(reading: Reading, found: readonly SchemaProblem[]): void {
  for (const { path, problem } of found) {
    if (isKnown(reading, path)) continue
    reading.reported.add(path)
    reading.problems.push(problem)
  }
}

/** Something was said about it, or about the list that it is in. */
function isKnown(reading: Reading, path: string): boolean {
  return reading.reported.has(path) || reading.reported.has(path.replace(/\/\d+$/, ''))
}
