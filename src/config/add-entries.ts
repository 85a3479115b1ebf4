// Adds hosts and forwards to the text of a tunnels.yaml as somebody at an editor would: lines are put in, and everything
// that stood there stays as it was, byte for byte. Where the YAML library says a map ends is where they go.

import { isDeepStrictEqual } from 'node:util'
import { parseDocument } from './document.ts'
import type { SyntaxNode } from './nodes.ts'
import { emptyMap, isMap, type Plain, type PlainMap } from './tree.ts'
import { composeYaml, formatYaml, lexYaml } from './yaml.ts'

export interface Entries {
  hosts: PlainMap
  forwards: PlainMap
}

type Section = keyof Entries
type MapNode = Extract<SyntaxNode, { kind: 'map' }>

/**
 * `text`: of a file without mistakes. Null where it is written so that nothing can be put in without touching the rest: a
 * section that is an alias, for one.
 */
export function addEntries(text: string, entries: Entries): string | null {
  let added: string | null = text
  for (const section of ['hosts', 'forwards'] as const) {
    if (added !== null && Object.keys(entries[section]).length > 0)
      added = addTo(added, section, entries[section])
  }
  return added
}

/** With a blank line above a new section, unless that is part of a text which stands there. */
function addTo(text: string, section: Section, entries: PlainMap): string | null {
  for (const gap of ['\n', '']) {
    const next = addSection(text, section, entries, gap)
    if (next !== null && isAsMeant(text, next, section, entries)) return next
  }
  return null
}

function addSection(text: string, section: Section, entries: PlainMap, gap: string): string | null {
  const root = compose(text)
  const lineEnd = text.includes('\r\n') ? '\r\n' : '\n'
  const put = (at: number, lines: string) => putLines(text, at, lines, lineEnd)
  if (root.kind === 'map' && isFlow(text, root)) return null
  const whole = `${text.trim() === '' ? '' : gap}${formatYaml({ [section]: entries })}`
  if (root.kind !== 'map') return put(endOf(text), whole)
  const indent = columnOf(text, root.start)
  const pair = root.pairs.find(({ key }) => key.kind === 'scalar' && key.value === section)
  if (!pair) return put(endOf(text), indented(whole, indent))
  const { key, value } = pair
  if (value.kind === 'map' && isFlow(text, value)) return putInFlow(text, value, entries)
  if (value.kind === 'map') {
    return put(
      afterLine(text, lastOffset(text, value)),
      indented(formatYaml(entries), columnOf(text, value.start)),
    )
  }
  if (value.kind !== 'scalar' || value.value !== null) return null
  const rest = withoutNull(text, value)
  return putLines(rest, afterLine(rest, key.end), indented(formatYaml(entries), indent + 2), lineEnd)
}

/** `null` and `~` say what nothing says, too. */
function withoutNull(text: string, { start, end }: SyntaxNode): string {
  return end === start ? text : text.slice(0, start).trimEnd() + text.slice(end)
}

function compose(text: string): SyntaxNode {
  const limits = { maxTokens: Number.POSITIVE_INFINITY, maxDepth: Number.POSITIVE_INFINITY }
  return composeYaml(lexYaml(text, limits).sources, text, Number.POSITIVE_INFINITY).root
}

function isFlow(text: string, node: SyntaxNode): boolean {
  return text[node.start] === '{'
}

/** `{ a: b }` becomes `{ a: b, "c": "d" }`: JSON is YAML, and stays on its line. */
function putInFlow(text: string, map: MapNode, entries: PlainMap): string {
  const items = Object.entries(entries).map(([name, value]) => `${toJson(name)}: ${toJson(value)}`)
  const last = map.pairs.at(-1)
  const at = last ? Math.max(last.key.end, lastOffset(text, last.value)) : map.start + 1
  const inside = items.join(', ')
  return `${text.slice(0, at)}${last ? `, ${inside}` : ` ${inside} `}${text.slice(at)}`
}

/** Short forms and plain words: they mean themselves without quotes, also between braces. */
const PLAIN = /^(-[LRD] [\w./:@*+=%-]+ [\w.@:-]*\w|(?!(y|n|yes|no|on|off|true|false|null)$)[a-z][\w.-]*)$/i

/** With a blank after each colon and comma, as people write it. */
function toJson(value: Plain): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value
  if (Array.isArray(value)) return `[${value.map(toJson).join(', ')}]`
  if (!isMap(value)) return JSON.stringify(value)
  return `{ ${Object.entries(value)
    .map(([key, child]) => `${key}: ${toJson(child)}`)
    .join(', ')} }`
}

/** Where the last thing of it ends; comments behind it are not part of it. */
function lastOffset(text: string, node: SyntaxNode): number {
  const isBlock = (node.kind === 'map' || node.kind === 'list') && !/[[{]/.test(text[node.start] ?? '')
  if (!isBlock) return node.end
  if (node.kind === 'list') return lastOffset(text, node.items.at(-1)!)
  const { key, value } = node.pairs.at(-1)!
  return Math.max(key.end, lastOffset(text, value))
}

/** The beginning of the next line, unless `offset` is at the beginning of one. */
function afterLine(text: string, offset: number): number {
  if (offset > 0 && text[offset - 1] === '\n') return offset
  const end = text.indexOf('\n', offset)
  return end < 0 ? text.length : end + 1
}

/** A `...` line ends a document. */
function endOf(text: string): number {
  const end = /^\.\.\.(?=\s|$)/m.exec(text)
  return end ? end.index : text.length
}

function columnOf(text: string, offset: number): number {
  return offset - (text.lastIndexOf('\n', offset - 1) + 1)
}

function indented(lines: string, indent: number): string {
  return lines.replaceAll(/^(?=.)/gm, ' '.repeat(indent))
}

function putLines(text: string, at: number, lines: string, lineEnd: string): string {
  const before = text.slice(0, at)
  const isLineOpen = before !== '' && !before.endsWith('\n')
  return `${before}${isLineOpen ? lineEnd : ''}${lines.replaceAll('\n', lineEnd)}${text.slice(at)}`
}

/** Read again, it is what it was and the entries. */
function isAsMeant(before: string, after: string, section: Section, entries: PlainMap): boolean {
  const was = read(before)
  const is = read(after)
  if (was === null || is === null) return false
  const there = isMap(was[section]) ? was[section] : {}
  return isDeepStrictEqual(is, plain({ ...was, [section]: { ...there, ...entries } }))
}

function read(text: string): PlainMap | null {
  const { value, problems } = parseDocument({ path: '-', text })
  return problems.length > 0 || !isMap(value.value) ? null : (plain(value.value) as PlainMap)
}

/** Keys in one order, and no prototypes: what is compared is what is said. */
function plain(value: Plain): Plain {
  if (Array.isArray(value)) return value.map(plain)
  if (!isMap(value)) return value
  const keys = Object.keys(value).sort()
  return Object.assign(emptyMap(), Object.fromEntries(keys.map((key) => [key, plain(value[key]!)])))
}
