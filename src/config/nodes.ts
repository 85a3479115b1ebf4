// From syntax to a Tree: anchors, aliases, merge keys (<<), duplicate keys and the bounds on all of them.
// Works on syntax nodes of our own, so that what YAML means here can be read without its library.

import type { Problem } from '../model/problem.ts'
import type { Lines } from './lines.ts'
import {
  emptyMap,
  isMap,
  type Place,
  type Plain,
  type PlainMap,
  pointer,
  type Result,
  type Tree,
} from './tree.ts'

/** `start` and `end` are offsets in the text that was parsed. */
export type SyntaxNode = { start: number; end: number; anchor: string | undefined } & (
  | { kind: 'scalar'; value: Exclude<Plain, object>; source: string; quoted: boolean }
  | { kind: 'list'; items: SyntaxNode[] }
  | { kind: 'map'; pairs: Pair[] }
  | { kind: 'alias'; name: string }
)

export interface Pair {
  key: SyntaxNode
  value: SyntaxNode
}

type MapNode = Extract<SyntaxNode, { kind: 'map' }>

/** A file of 256 KiB that people write has some ten thousand values; one that aliases blow up has billions. */
const MAX_VALUES = 50_000

/** Never throws. A file that is no map, or that is refused for its size, gives the empty map. */
export function buildTree(root: SyntaxNode, lines: Lines): Result<Tree> {
  const building: Building = {
    lines,
    problems: [],
    places: new Map(),
    targets: new Map(),
    open: new Set(),
    complained: new Set(),
    valuesLeft: MAX_VALUES,
  }
  resolveAliases(building, root)
  building.places.set('', placeOf(building, root))
  const value = isEmpty(root) ? emptyMap() : convert(building, root, '')
  if (building.valuesLeft < 0)
    return { value: emptyTree(building.lines), problems: [tooManyValues(building)] }
  if (isMap(value)) return { value: { value, places: building.places }, problems: building.problems }
  return { value: emptyTree(building.lines), problems: [...building.problems, notAMap(building, root)] }
}

interface Building {
  lines: Lines
  problems: Problem[]
  places: Map<string, Place>
  /** What each alias stands for. */
  targets: Map<SyntaxNode, SyntaxNode>
  /** The collections being converted: an alias to one of them has no end. */
  open: Set<SyntaxNode>
  /** A mistake inside an anchor is reported once, not with each alias. */
  complained: Set<SyntaxNode>
  valuesLeft: number
}

/** In document order: an alias means the last anchor of its name above it. */
function resolveAliases(building: Building, root: SyntaxNode): void {
  const anchors = new Map<string, SyntaxNode>()
  const visit = (node: SyntaxNode): void => {
    if (node.anchor !== undefined) anchors.set(node.anchor, node)
    if (node.kind === 'list') node.items.forEach(visit)
    if (node.kind === 'map') {
      for (const { key, value } of node.pairs) {
        visit(key)
        visit(value)
      }
    }
    if (node.kind !== 'alias') return
    const target = anchors.get(node.name)
    if (target) building.targets.set(node, target)
    else complain(building, node, `There is no anchor "&${node.name}" above this alias`, aliasHint(node.name))
  }
  visit(root)
}

function aliasHint(name: string): string {
  return `An unquoted * begins a YAML alias; if the * belongs to the value, write "*${name}" in quotes`
}

function convert(building: Building, node: SyntaxNode, path: string): Plain {
  if (--building.valuesLeft < 0) return null
  switch (node.kind) {
    case 'scalar':
      return node.value
    case 'alias':
      return convertAlias(building, node, path)
    case 'list':
      return within(building, node, () => convertList(building, node.items, path))
    case 'map':
      return within(building, node, () => convertMap(building, node, path))
  }
}

function convertAlias(building: Building, alias: SyntaxNode, path: string): Plain {
  const target = building.targets.get(alias)
  if (!target) return null
  if (!building.open.has(target)) return convert(building, target, path)
  complain(building, alias, 'This alias stands inside the very value that it repeats')
  return null
}

function within<T>(building: Building, node: SyntaxNode, body: () => T): T {
  building.open.add(node)
  const result = body()
  building.open.delete(node)
  return result
}

function convertList(building: Building, items: SyntaxNode[], path: string): Plain[] {
  return items.map((item, index) => {
    const itemPath = path + pointer(index)
    building.places.set(itemPath, placeOf(building, item))
    return convert(building, item, itemPath)
  })
}

function convertMap(building: Building, map: MapNode, path: string): PlainMap {
  const result = emptyMap()
  for (const [name, { key, value }] of collectEntries(building, map)) {
    const entryPath = path + pointer(name)
    building.places.set(entryPath, placeOfEntry(building, key, value))
    result[name] = convert(building, value, entryPath)
  }
  return result
}

/** The map's own keys win over merged ones wherever `<<` stands; of several merged maps the first wins. */
function collectEntries(building: Building, map: MapNode): Map<string, Pair> {
  const own = ownEntries(building, map)
  if (!map.pairs.some(({ key }) => isMergeKey(key))) return own
  const entries = new Map<string, Pair>()
  for (const [name, pair] of own) {
    if (!isMergeKey(pair.key)) entries.set(name, pair)
    else
      for (const [merged, from] of mergedEntries(building, pair.value))
        if (!own.has(merged) && !entries.has(merged)) entries.set(merged, from)
  }
  return entries
}

function ownEntries(building: Building, map: MapNode): Map<string, Pair> {
  const own = new Map<string, Pair>()
  for (const pair of map.pairs) {
    const name = keyName(building, pair.key)
    const first = name === null ? undefined : own.get(name)
    if (first) complainOfDuplicate(building, name!, pair.key, first.key)
    else if (name !== null) own.set(name, pair)
  }
  return own
}

/** Keys are the text as written: `80:` is "80", `yes:` is "yes". */
function keyName(building: Building, key: SyntaxNode): string | null {
  if (key.kind === 'scalar' && (key.quoted || key.source !== '')) {
    return key.quoted ? String(key.value) : key.source
  }
  complain(building, key, 'A key must be plain text, not a list, a map, an alias or nothing')
  return null
}

function isMergeKey(key: SyntaxNode): boolean {
  return key.kind === 'scalar' && !key.quoted && key.source === '<<'
}

function* mergedEntries(building: Building, value: SyntaxNode): Generator<[string, Pair]> {
  if (--building.valuesLeft < 0) return
  const source = building.targets.get(value) ?? value
  if (building.open.has(source)) {
    complain(building, value, 'This alias stands inside the very value that it repeats')
  } else if (source.kind === 'map') {
    yield* within(building, source, () => collectEntries(building, source))
  } else if (source.kind === 'list' && source === value) {
    for (const item of source.items) yield* mergedEntries(building, item)
  } else if (source.kind !== 'alias') {
    complain(building, value, 'The merge key << needs a map, or a list of maps')
  }
}

function complainOfDuplicate(building: Building, name: string, key: SyntaxNode, first: SyntaxNode): void {
  const { line } = building.lines.position(first.start)
  complain(building, key, `The key "${name}" stands twice in this map`, undefined, `first on line ${line}`)
}

function complain(building: Building, node: SyntaxNode, summary: string, hint?: string, detail?: string) {
  if (building.complained.has(node)) return
  building.complained.add(node)
  building.problems.push({
    code: 'CONFIG_SYNTAX',
    summary,
    at: building.lines.position(node.start),
    span: building.lines.span(node.start, node.end),
    ...(hint !== undefined && { hint }),
    ...(detail !== undefined && { detail }),
  })
}

function tooManyValues(building: Building): Problem {
  return {
    code: 'CONFIG_SYNTAX',
    summary: `The file holds more than ${MAX_VALUES} values once its aliases are written out`,
    at: building.lines.position(0),
  }
}

function notAMap(building: Building, root: SyntaxNode): Problem {
  return {
    code: 'CONFIG_SCHEMA',
    summary: 'The file must be a map with keys such as "hosts" and "forwards"',
    at: building.lines.position(root.start),
    span: building.lines.span(root.start, root.end),
  }
}

/** Where nothing is written, the key is what a person can look at. */
function placeOfEntry(building: Building, key: SyntaxNode, value: SyntaxNode): Place {
  const keySpan = building.lines.span(key.start, key.end)
  const at = building.lines.position(key.start)
  return { key: at, keySpan, ...(isEmpty(value) ? { value: at, span: keySpan } : placeOf(building, value)) }
}

function placeOf({ lines }: Building, node: SyntaxNode): Place {
  return { value: lines.position(node.start), span: lines.span(node.start, node.end) }
}

function isEmpty(node: SyntaxNode): boolean {
  return node.kind === 'scalar' && !node.quoted && node.source === ''
}

/** The empty map, at the top of the file. */
export function emptyTree(lines: Lines): Tree {
  return { value: emptyMap(), places: new Map([['', { value: lines.position(0), span: 1 }]]) }
}
