// Takes values out of the merged tree one key at a time: each is parsed where it stands, what is wrong with it is
// said once, at its place, and everything else is read on.

import type { Problem, ProblemCode } from '../model/problem.ts'
import type { Base } from './local-path.ts'
import type { Parsed, Refused } from './parsed.ts'
import { formatPointer, isMap, type Plain, type PlainMap, pointer, type Tree } from './tree.ts'

export interface Reading {
  tree: Tree
  /** The same before interpolation: tells a value that was written here from one that a variable brought. */
  raw: Tree
  base: Base
  problems: Problem[]
  /** Pointers about which something was said: nothing more is. */
  reported: Set<string>
}

/** One map of the file and what stands in for its missing keys, most specific first. */
export interface Section {
  reading: Reading
  layers: { path: string; map: PlainMap }[]
}

export interface Found {
  path: string
  value: Plain
  /** From the map itself, not from what stands in for it. */
  isOwn: boolean
}

export type Parse<T> = (value: Plain, base: Base) => Parsed<T>

export function openSection(reading: Reading, ...paths: string[]): Section {
  const layers = paths.map((path) => ({ path, map: valueAt(reading.tree.value, path) }))
  return { reading, layers: layers.filter((layer): layer is Section['layers'][number] => isMap(layer.map)) }
}

/** The maps below `key`, each layer's own: they merge by key as the layers do. */
export function openSubsection(section: Section, key: string): Section {
  return openSection(section.reading, ...section.layers.map((layer) => layer.path + pointer(key)))
}

export function find(section: Section, key: string): Found | null {
  for (const [index, layer] of section.layers.entries()) {
    if (!Object.hasOwn(layer.map, key)) continue
    return { path: layer.path + pointer(key), value: layer.map[key]!, isOwn: index === 0 }
  }
  return null
}

/** Undefined where the key is absent or its value is no good; the problem is then in the list. */
export function read<T>(section: Section, key: string, parse: Parse<T>): T | undefined {
  const found = find(section, key)
  if (!found || isReported(section.reading, found)) return undefined
  const result = parse(found.value, section.reading.base)
  if (result.ok) return result.value
  const path = result.item === undefined ? found.path : found.path + pointer(result.item)
  report(section.reading, path, result)
  return undefined
}

/** Whether the key is there to be read; one of the map's own that does not apply is a problem. */
export function applies(section: Section, key: string, does: boolean, complaint: string): boolean {
  const found = find(section, key)
  if (!found || does) return found !== null
  if (found.isOwn && !isReported(section.reading, found)) {
    report(section.reading, found.path, { complaint }, 'CONFIG_CONFLICT', 'key')
  }
  return false
}

export function isReported(reading: Reading, { path, value }: Pick<Found, 'path' | 'value'>): boolean {
  if (reading.reported.has(path)) return true
  return Array.isArray(value) && value.some((_, item) => reading.reported.has(path + pointer(item)))
}

/** Adds a problem at a place, `end` of it; of several about the same place only the first is kept. */
export function report(
  reading: Reading,
  path: string,
  complaint: Pick<Refused, 'complaint' | 'hint'>,
  code: ProblemCode = 'CONFIG_SCHEMA',
  end: 'value' | 'key' = 'value',
): void {
  if (reading.reported.has(path)) return
  reading.reported.add(path)
  const problem = problemAt(reading.tree, path, code, `${formatPointer(path)} ${complaint.complaint}`, end)
  const detail = originOf(reading, path)
  if (detail) problem.detail = detail
  const isTelling = detail && quotes(complaint.hint ?? '', valueAt(reading.tree.value, path))
  if (complaint.hint !== undefined && !isTelling) problem.hint = complaint.hint
  reading.problems.push(problem)
}

/** Whether a hint repeats a part of the value, which may be a secret where a variable brought it. */
function quotes(hint: string, value: Plain | undefined): boolean {
  const words = String(value).split(/[^\p{L}\p{N}_-]+/u)
  return words.some((word) => word.length > 2 && hint.includes(word))
}

export function warn(reading: Reading, path: string, summary: string, hint?: string): void {
  const problem = problemAt(reading.tree, path, 'CONFIG_WARNING', summary)
  if (hint !== undefined) problem.hint = hint
  reading.problems.push({ ...problem, severity: 'warning' })
}

/** Points at the value, or at the key when `end` is key; where neither is known, at what it stands in. */
export function problemAt(
  tree: Tree,
  path: string,
  code: ProblemCode,
  summary: string,
  end: 'value' | 'key' = 'value',
): Problem {
  const problem: Problem = { code, summary, path: formatPointer(path) }
  const place = nearestPlace(tree, path)
  if (!place) return problem
  if (end === 'key' && place.key) return { ...problem, at: place.key, span: place.keySpan ?? 1 }
  return { ...problem, at: place.value, span: place.span }
}

function nearestPlace(tree: Tree, path: string) {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const place = tree.places.get(at)
    if (place) return place
  }
  return tree.places.get('')
}

/** The value itself may be a secret, so that only where it came from is said. */
function originOf(reading: Reading, path: string): string | undefined {
  const raw = valueAt(reading.raw.value, path)
  if (typeof raw !== 'string' || raw === valueAt(reading.tree.value, path)) return undefined
  return `Its value comes from ${raw}`
}

export function valueAt(value: Plain | undefined, path: string): Plain | undefined {
  let at = value
  for (const part of path.split('/').slice(1)) {
    const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, key)) return undefined
    at = (at as PlainMap)[key]
  }
  return at
}
