// The `$` language of one string, as Docker Compose has it: $VAR, ${VAR}, ${VAR:-default}, ${VAR:?message},
// ${VAR:+alternative}, each also without the colon, nested, and $$ for a dollar. Knows no file.

/** What a string says between its dollars; `start` and `end` are offsets in the whole string. */
export type Part =
  | { kind: 'text'; text: string }
  | { kind: 'variable'; name: string; start: number; end: number; operator?: Operator; word: Part[] }
  | { kind: 'broken'; start: number; end: number }

export type Operator = ':-' | '-' | ':?' | '?' | ':+' | '+'

export type Lookup = (name: string) => string | undefined

/** What could not be filled in. `message` is what the file says after `?`. */
export type Missing =
  | { kind: 'unset'; name: string; isEmpty: boolean; message: string; start: number; end: number }
  | { kind: 'broken'; start: number; end: number }

/** Never throws: what is wrong with a dollar is a part of the result. */
export function parseTemplate(text: string, from = 0, to = text.length): Part[] {
  const parts: Part[] = []
  let at = from
  while (at < to) {
    const dollar = text.indexOf('$', at)
    const end = dollar < 0 || dollar >= to ? to : dollar
    if (end > at) parts.push({ kind: 'text', text: text.slice(at, end) })
    if (end === to) break
    const part = parseDollar(text, end, to)
    parts.push(part.part)
    at = part.end
  }
  return parts
}

function parseDollar(text: string, start: number, to: number): { part: Part; end: number } {
  const next = start + 1 < to ? text[start + 1] : undefined
  if (next === '$') return { part: { kind: 'text', text: '$' }, end: start + 2 }
  if (next === '{') return parseBraced(text, start, to)
  const name = matchName(text, start + 1, to)
  const end = start + 1 + name.length
  const broken = { part: { kind: 'broken' as const, start, end: start + 1 }, end: start + 1 }
  return name === '' ? broken : { part: { kind: 'variable', name, start, end, word: [] }, end }
}

function parseBraced(text: string, start: number, to: number): { part: Part; end: number } {
  const close = closingBrace(text, start, to)
  const end = close < 0 ? to : close + 1
  const name = matchName(text, start + 2, to)
  const after = start + 2 + name.length
  const operator = /:?[-?+]/y
  operator.lastIndex = after
  const [found] = operator.exec(text) ?? []
  const isWhole = close >= 0 && name !== '' && (after === close || found !== undefined)
  if (!isWhole) return { part: { kind: 'broken', start, end }, end }
  const place = { kind: 'variable' as const, name, start, end }
  if (after === close) return { part: { ...place, word: [] }, end }
  const word = parseTemplate(text, after + found!.length, close)
  return { part: { ...place, operator: found as Operator, word }, end }
}

function matchName(text: string, from: number, to: number): string {
  const name = /[A-Za-z_][A-Za-z0-9_]*/y
  name.lastIndex = from
  return (name.exec(text)?.[0] ?? '').slice(0, to - from)
}

/** People nest two or three; thousands would exhaust the stack. */
const MAX_NESTING = 16

/** As Compose counts: only `${` opens, any `}` closes. */
function closingBrace(text: string, start: number, to: number): number {
  let open = 0
  for (let at = start; at < to; at++) {
    if (text[at] === '}' && --open === 0) return at
    if (text[at] !== '$') continue
    if (text[at + 1] === '{' && ++open > MAX_NESTING) return -1
    if (text[at + 1] === '{' || text[at + 1] === '$') at++
  }
  return -1
}

/** Only what is used is evaluated: an unset variable in a default that is not needed is not missed. */
export function fillTemplate(parts: Part[], lookup: Lookup, missing: Missing[]): string {
  return parts.map((part) => fillPart(part, lookup, missing)).join('')
}

function fillPart(part: Part, lookup: Lookup, missing: Missing[]): string {
  if (part.kind === 'text') return part.text
  if (part.kind === 'broken') {
    missing.push(part)
    return ''
  }
  const { name, operator, word, start, end } = part
  const value = lookup(name)
  const isThere = value !== undefined && !(operator?.startsWith(':') && value === '')
  const fillWord = () => fillTemplate(word, lookup, missing)
  if (operator?.endsWith('+')) return isThere ? fillWord() : ''
  if (isThere) return value
  if (operator?.endsWith('-')) return fillWord()
  missing.push({ kind: 'unset', name, isEmpty: value === '', message: fillWord(), start, end })
  return ''
}

/** All names, also those in defaults that are not needed now: another environment may need them. */
export function* namesIn(parts: Part[]): Generator<string> {
  for (const part of parts) {
    if (part.kind !== 'variable') continue
    yield part.name
    yield* namesIn(part.word)
  }
}
