// Fills variables into the strings of a tree, after merging. Keys, numbers and `x-` subtrees stay as they are,
// and a value never becomes structure: what it holds is text, whatever it looks like.

import type { Position, Problem } from '../model/problem.ts'
import { countCharacters } from './lines.ts'
import { emptyMap, formatPointer, type Place, type Plain, pointer, type Tree } from './tree.ts'
import { fillTemplate, type Lookup, type Missing, namesIn, type Part, parseTemplate } from './variable.ts'

export interface Interpolated {
  value: Tree
  problems: Problem[]
  /** Those of the problems that a variable which is not set would mend. */
  unset: ReadonlySet<Problem>
  /** Every name that the tree mentions, sorted. */
  variables: string[]
  /** By pointer: the variables whose values, not empty ones, are part of what stands there now. */
  reached: ReadonlyMap<string, ReadonlySet<string>>
}

/** A string with a problem keeps what could be filled in of it. Places stay those of the text as written. */
export function interpolateTree(tree: Tree, lookup: Lookup): Interpolated {
  const { places } = tree
  const run: Run = {
    lookup,
    places,
    keys: [],
    problems: [],
    unset: new Set(),
    variables: new Set(),
    reached: new Map(),
  }
  const value = interpolate(run, tree.value)
  return {
    value: { value, places },
    problems: run.problems,
    unset: run.unset,
    variables: [...run.variables].sort(),
    reached: run.reached,
  }
}

interface Run {
  lookup: Lookup
  places: ReadonlyMap<string, Place>
  /** The way to the value at hand; it becomes a pointer only where something is wrong. */
  keys: (string | number)[]
  problems: Problem[]
  unset: Set<Problem>
  variables: Set<string>
  reached: Map<string, ReadonlySet<string>>
}

function interpolate(run: Run, value: Plain): Plain {
  if (typeof value === 'string') return interpolateText(run, value)
  if (Array.isArray(value)) return value.map((item, index) => within(run, index, item))
  if (typeof value !== 'object' || value === null) return value
  const result = emptyMap()
  for (const [key, child] of Object.entries(value)) {
    result[key] = key.startsWith('x-') ? child : within(run, key, child)
  }
  return result
}

function within(run: Run, key: string | number, child: Plain): Plain {
  run.keys.push(key)
  const result = interpolate(run, child)
  run.keys.pop()
  return result
}

function interpolateText(run: Run, text: string): string {
  if (!text.includes('$')) return text
  const parts: Part[] = parseTemplate(text)
  for (const name of namesIn(parts)) run.variables.add(name)
  const missing: Missing[] = []
  const reached = new Set<string>()
  const lookup: Lookup = (name) => {
    const value = run.lookup(name)
    if (value) reached.add(name)
    return value
  }
  const filled = fillTemplate(parts, lookup, missing)
  const path = pointer(...run.keys)
  if (reached.size > 0) run.reached.set(path, reached)
  for (const one of missing) {
    const problem = describe(one, text, path, run.places.get(path))
    run.problems.push(problem)
    if (one.kind === 'unset') run.unset.add(problem)
  }
  return filled
}

function describe(missing: Missing, text: string, path: string, place: Place | undefined): Problem {
  const written = text.slice(missing.start, Math.min(missing.end, missing.start + 60))
  return {
    code: 'CONFIG_VARIABLE',
    ...(missing.kind === 'broken' ? brokenWording(written) : unsetWording(missing)),
    path: formatPointer(path),
    ...(place && pointAt(missing, text, place)),
  }
}

function brokenWording(written: string): Pick<Problem, 'summary' | 'hint'> {
  return {
    summary: `"${written}" is no variable`,
    hint: 'Write ${NAME}, ${NAME:-default} or ${NAME:?message}; $$ is a plain dollar',
  }
}

function unsetWording({
  name,
  isEmpty,
  message,
}: Extract<Missing, { kind: 'unset' }>): Pick<Problem, 'summary' | 'hint'> {
  const state = isEmpty ? 'is empty' : 'is not set'
  if (message !== '') return { summary: `The variable ${name} ${state}: ${message}` }
  return {
    summary: `The variable ${name} ${state}`,
    hint: `Set it in the environment or in .env, or write \${${name}:-default}`,
  }
}

/** At the variable itself where the file has the value as it is, bare or in quotes; else at the value. */
function pointAt(missing: Missing, text: string, { value, span }: Place): { at: Position; span: number } {
  const length = countCharacters(text)
  const isBare = span === length
  if (!isBare && span !== length + 2) return { at: value, span }
  const before = countCharacters(text.slice(0, missing.start)) + (isBare ? 0 : 1)
  return {
    at: { ...value, column: value.column + before },
    span: countCharacters(text.slice(missing.start, missing.end)),
  }
}
