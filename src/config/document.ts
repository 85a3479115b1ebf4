// Text becomes a Tree with all that is wrong in it, in bounded time and memory. Where one of YAML's traps
// broke the file, a repaired copy is read instead, so that its other mistakes are told in the same run.

import type { Problem } from '../model/problem.ts'
import { type Lines, measureLines } from './lines.ts'
import { buildTree, emptyTree } from './nodes.ts'
import type { SourceFile } from './read.ts'
import { repairText } from './repair.ts'
import { salvage } from './salvage.ts'
import { syntaxProblems } from './syntax.ts'
import { findTraps, type Trap, trapProblems } from './traps.ts'
import type { Result, Tree } from './tree.ts'
import { type Composed, composeYaml, describeTokens, type Lexed, lexYaml } from './yaml.ts'

/**
 * People nest five levels, and each costs the library some stack. 256 KiB that people write have some 40,000 tokens,
 * and each costs the library up to two kilobytes.
 */
const LIMITS = { maxDepth: 64, maxTokens: 50_000 }
/** With more of them than this the rest of the file is not looked at: nothing in it was meant as YAML. */
const MAX_REPAIRS = 200
/** Nobody reads more of one kind; the rest is counted. */
const MAX_PROBLEMS = 50

/** Always gives a tree: what can be read of a broken file, at worst the empty map. Never throws. */
export function parseDocument(source: SourceFile): Result<Tree> {
  const { path, text } = source
  const lines = measureLines(path, text)
  const lexed = lexYaml(text, LIMITS)
  const refused = refuse(lexed, lines)
  if (refused) return { value: emptyTree(lines), problems: [refused] }

  const composed = composeYaml(lexed.sources, text, LIMITS.maxDepth)
  const mayHaveTraps = lexed.hasAlias || composed.complaints.length > 0
  const traps = mayHaveTraps ? realTraps(findTraps(describeTokens(lexed.sources), text), composed) : []
  const trapped = atMost(MAX_PROBLEMS, trapProblems(traps, text, lines))
  const rest = traps.length === 0 ? read(composed, text, lines) : readRepaired(source, traps)
  return { value: rest.value, problems: [...trapped, ...atMost(MAX_PROBLEMS, rest.problems)] }
}

function atMost(count: number, problems: Problem[]): Problem[] {
  if (problems.length <= count) return problems
  const shown = problems.slice(0, count)
  const last = shown.pop()!
  return [
    ...shown,
    { ...last, detail: `and ${problems.length - count} more problems like these in this file` },
  ]
}

function refuse({ isCut, tooDeepAt }: Lexed, lines: Lines): Problem | null {
  if (tooDeepAt !== null) {
    const summary = `Lists and maps are nested more than ${LIMITS.maxDepth} levels deep here`
    return { code: 'CONFIG_SYNTAX', summary, at: lines.position(tooDeepAt) }
  }
  if (!isCut) return null
  return { code: 'CONFIG_SYNTAX', summary: 'The file holds far too many values', at: lines.position(0) }
}

/** Brackets, tabs and reserved characters can be good YAML; only where it is not are they traps. */
function realTraps(traps: Trap[], { complaints }: Composed): Trap[] {
  return complaints.length > 0 ? traps : traps.filter(({ kind }) => kind === 'alias')
}

function readRepaired({ path, text }: SourceFile, traps: Trap[]): Result<Tree> {
  if (traps.length > MAX_REPAIRS) return { value: emptyTree(measureLines(path, text)), problems: [] }
  const repaired = repairText(text, traps)
  const { sources } = lexYaml(repaired.text, LIMITS)
  const composed = composeYaml(sources, repaired.text, LIMITS.maxDepth)
  const lines = measureLines(path, text, repaired.original)
  const isGuess = traps.some(({ kind }) => kind === 'tab') && composed.complaints.length > 0
  return isGuess ? { value: emptyTree(lines), problems: [] } : read(composed, repaired.text, lines)
}

function read({ root, complaints }: Composed, text: string, lines: Lines): Result<Tree> {
  const problems = syntaxProblems(complaints, text, lines)
  const readable = salvage(root, complaints)
  if (!readable) return { value: emptyTree(lines), problems }
  const built = buildTree(readable, lines)
  return { value: built.value, problems: [...problems, ...built.problems] }
}
