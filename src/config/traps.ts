// YAML's traps: values that look right to somebody who types ssh commands, and mean something else in YAML.
// Each becomes one problem with the quoted form, and a repair, so that the rest of the file can still be read.

import type { Problem } from '../model/problem.ts'
import type { Lines } from './lines.ts'

/** One lexical token; `type` as in the yaml library ("alias", "flow-seq-start", "scalar" …). */
export interface Token {
  type: string
  source: string
  offset: number
}

/** What stands from `start` to `end`, and what it would have to be. */
export interface Trap {
  kind: 'alias' | 'bracket' | 'colon' | 'reserved' | 'tab'
  start: number
  end: number
  repair: string
}

/** In order, without overlaps. Only an `alias` is surely wrong; the others count where YAML found errors, too. */
export function findTraps(tokens: Token[], text: string): Trap[] {
  const traps: Trap[] = []
  const opened: number[] = []
  const anchors = new Set<string>()
  let end = 0
  let isLineStart = true
  let value: LineValue = 'none'
  tokens.forEach((token, index) => {
    if (token.type === 'anchor') anchors.add(token.source.slice(1))
    const start = opened.at(-1)
    follow(opened, token)
    isLineStart = isLineStart ? staysLineStart(token) : token.type === 'newline'
    value = followValue(value, token)
    if (token.offset < end) return
    const scene: Scene = { text, token, next: tokens[index + 1], isLineStart, value, opened, start }
    const trap =
      aliasTrap(scene, anchors) ??
      bracketTrap(scene) ??
      colonTrap(scene) ??
      reservedTrap(scene) ??
      tabTrap(scene)
    if (!trap) return
    while (traps.length > 0 && traps.at(-1)!.start >= trap.start) traps.pop()
    traps.push(trap)
    end = trap.end
  })
  return traps
}

/** Tabs are one mistake, however many lines have it. */
export function trapProblems(traps: Trap[], text: string, lines: Lines): Problem[] {
  const tabs = traps.filter((trap) => trap.kind === 'tab')
  const quoted = traps.filter((trap) => trap.kind !== 'tab')
  const problems = quoted.map((trap) => quoteProblem(trap, text, lines))
  return tabs.length === 0 ? problems : [tabProblem(tabs, lines), ...problems]
}

interface Scene {
  text: string
  token: Token
  next: Token | undefined
  /** Nothing but blanks stands before the end of this token on its line. */
  isLineStart: boolean
  value: LineValue
  /** Where each list or map in brackets that is still open began, after this token. */
  opened: number[]
  /** The innermost one before this token. */
  start: number | undefined
}

function follow(opened: number[], { type, offset }: Token): void {
  if (type === 'flow-seq-start' || type === 'flow-map-start') opened.push(offset)
  if (type === 'flow-seq-end' || type === 'flow-map-end') opened.pop()
  if (type === 'flow-error-end') opened.length = 0
}

/** On this line: no `key:` yet, one that waits for its value, or the offset of its plain one-line value. */
type LineValue = 'none' | 'expected' | 'other' | number

function followValue(value: LineValue, { type, source, offset }: Token): LineValue {
  if (type === 'newline') return 'none'
  if (type === 'map-value-ind') return value === 'none' ? 'expected' : value
  if (value !== 'expected' || type === 'space' || type === 'scalar-mark') return value
  return type === 'scalar' && !source.includes('\n') ? offset : 'other'
}

function staysLineStart({ type }: Token): boolean {
  return type === 'space' || type === 'newline' || type === 'doc-mode'
}

/** `*:9000`, `*.corp:443`, `*`: an alias that no anchor has, of a name that nobody gives an anchor. */
function aliasTrap({ text, token, opened }: Scene, anchors: Set<string>): Trap | null {
  if (token.type !== 'alias') return null
  const name = token.source.slice(1)
  if (anchors.has(name) || !/^$|[.:*/?[\]{}]/.test(name)) return null
  return quoteFrom('alias', text, token.offset, opened.length > 0)
}

/** `[::1]:9000`, `{host}:80`: text right behind a bracket; `{ user: ${A} }`: a bracket right behind text. */
function bracketTrap({ text, token, next, opened, start }: Scene): Trap | null {
  if (!next || next.offset !== token.offset + token.source.length) return null
  const isBehindBracket = token.type === 'flow-seq-end' || token.type === 'flow-map-end'
  if (isBehindBracket && start !== undefined && beginsText(next, text)) {
    return quoteFrom('bracket', text, start, opened.length > 0)
  }
  const isInsideText = token.type === 'scalar' && opened.length > 0
  return isInsideText && /^flow-(seq|map)-start$/.test(next.type)
    ? quoteFrom('bracket', text, token.offset, true)
    : null
}

function beginsText({ type, offset }: Token, text: string): boolean {
  if (type === 'map-value-ind') return /[^\s,\]}]/.test(text[offset + 1] ?? ' ')
  return type === 'scalar-mark' || type === 'flow-seq-start' || type === 'flow-map-start'
}

/** `description: see: below`: the second colon would begin a map inside the line. */
function colonTrap({ text, token, opened, value }: Scene): Trap | null {
  if (token.type !== 'map-value-ind' || opened.length > 0 || typeof value !== 'number') return null
  const end = value + lineFrom(text, value).length
  return { kind: 'colon', start: value, end, repair: quote(text.slice(value, end)) }
}

/** `@x`, `%h`, a backquote: characters that YAML keeps for itself at the start of a value. */
function reservedTrap({ text, token, opened }: Scene): Trap | null {
  if (token.type !== 'scalar' || !/^[@%`]/.test(token.source)) return null
  return quoteFrom('reserved', text, token.offset, opened.length > 0)
}

function tabTrap({ token, next, isLineStart, opened }: Scene): Trap | null {
  if (!isLineStart || token.type !== 'space' || !token.source.includes('\t')) return null
  if (!next || next.type === 'newline' || next.type === 'comment') return null
  if (opened.length > 0 && next.type !== 'flow-error-end') return null
  const { offset, source } = token
  return { kind: 'tab', start: offset, end: offset + source.length, repair: source.replaceAll('\t', '  ') }
}

function quoteFrom(kind: Trap['kind'], text: string, start: number, isInBrackets: boolean): Trap {
  const end = valueEnd(text, start, isInBrackets)
  return { kind, start, end, repair: quote(text.slice(start, end)) }
}

/** A value ends with its line, at a comment or at `: `; inside brackets also at a comma or the closing bracket. */
function valueEnd(text: string, start: number, isInBrackets: boolean): number {
  const line = lineFrom(text, start)
  if (!isInBrackets) return start + line.replace(/:(\s.*)?$/, '').length
  let depth = 0
  for (let at = 0; at < line.length; at++) {
    const character = line[at]!
    if (depth === 0 && ',]}'.includes(character)) return start + line.slice(0, at).trimEnd().length
    if ('[{'.includes(character)) depth++
    if (']}'.includes(character)) depth--
  }
  return start + line.length
}

function lineFrom(text: string, start: number): string {
  const newline = text.indexOf('\n', start)
  const line = text.slice(start, newline < 0 ? undefined : newline)
  const comment = line.search(/\s#/)
  return (comment < 0 ? line : line.slice(0, comment)).trimEnd()
}

function quote(value: string): string {
  return /["\\]/.test(value) ? `'${value.replaceAll("'", "''")}'` : `"${value}"`
}

const QUOTE_SUMMARIES = {
  alias: 'An unquoted * begins a YAML alias, not an address',
  bracket: 'Unquoted brackets are a YAML list or map, not a part of the text around them',
  colon: 'A second ": " within one value begins a YAML map',
  reserved: 'YAML allows no unquoted value that begins with this character',
} as const

function quoteProblem(trap: Trap, text: string, lines: Lines): Problem {
  return {
    code: 'CONFIG_SYNTAX',
    summary: QUOTE_SUMMARIES[trap.kind as keyof typeof QUOTE_SUMMARIES],
    hint: `Write ${quote(text.slice(trap.start, trap.end))} in quotes`,
    at: lines.position(trap.start),
    span: lines.span(trap.start, trap.end),
  }
}

function tabProblem(tabs: Trap[], lines: Lines): Problem {
  const more = tabs.slice(1).map((tab) => lines.position(tab.start).line)
  return {
    code: 'CONFIG_SYNTAX',
    summary: 'YAML allows no tab as indentation',
    hint: 'Indent with spaces, two for each level',
    at: lines.position(tabs[0]!.start),
    span: tabs[0]!.end - tabs[0]!.start,
    ...(more.length > 0 && { detail: `also on ${formatLines(more)}` }),
  }
}

function formatLines(numbers: number[]): string {
  const shown = numbers.slice(0, 5).join(', ')
  const rest = numbers.length > 5 ? ` and ${numbers.length - 5} more` : ''
  return `${numbers.length === 1 ? 'line' : 'lines'} ${shown}${rest}`
}
