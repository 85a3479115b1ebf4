// The one place that knows the YAML library: text to tokens, tokens to syntax nodes of our own, data to text.
// Decides nothing: what anchors mean is in nodes.ts, what is refused in document.ts, the words are in syntax.ts.

import {
  Composer,
  CST,
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  Lexer,
  Parser,
  type Scalar,
  stringify,
} from 'yaml'
import type { Pair, SyntaxNode } from './nodes.ts'
import type { SyntaxComplaint } from './syntax.ts'
import type { Token } from './traps.ts'
import type { Plain } from './tree.ts'

/** What the lexer gives, one string a token: ten for each line that people write, so nothing more is made of them. */
export interface Lexed {
  sources: string[]
  /** The text has more than `maxTokens` tokens, blanks and comments not counted, and is not read to its end. */
  isCut: boolean
  /** Offset of the first token that nests deeper than `maxDepth`; null: none. */
  tooDeepAt: number | null
  hasAlias: boolean
}

export function lexYaml(
  text: string,
  { maxTokens, maxDepth }: { maxTokens: number; maxDepth: number },
): Lexed {
  const lexed: Lexed = { sources: [], isCut: false, tooDeepAt: null, hasAlias: false }
  const nesting: Nesting = { brackets: 0, dashes: 0 }
  let offset = 0
  let counted = 0
  let isScalar = false
  for (const source of new Lexer().lex(text)) {
    lexed.sources.push(source)
    const isMark = MARKS.has(source)
    if (!isScalar && nest(nesting, source) > maxDepth) lexed.tooDeepAt ??= offset
    if (!isScalar && source[0] === '*') lexed.hasAlias = true
    if (!isMark) offset += source.length
    if (!isMark && (isScalar || !isBlank(source)) && ++counted > maxTokens) return { ...lexed, isCut: true }
    isScalar = source === SCALAR_MARK
  }
  return lexed
}

interface Nesting {
  brackets: number
  dashes: number
}

/** Brackets, and `- - -` on one line: these nest without limit. Indentation cannot, within 256 KiB. */
function nest(nesting: Nesting, source: string): number {
  if (source === '[' || source === '{') nesting.brackets++
  else if (source === ']' || source === '}') nesting.brackets--
  else if (source === '-' || source === '?') nesting.dashes++
  else if (isNewline(source)) nesting.dashes = 0
  return nesting.brackets + nesting.dashes
}

function isBlank(source: string): boolean {
  return isNewline(source) || source[0] === ' ' || source[0] === '\t' || source[0] === '#'
}

function isNewline(source: string): boolean {
  return source === '\n' || source === '\r\n' || source === ''
}

const SCALAR_MARK = '\x1f'

/** Characters that the lexer puts between the tokens, and that stand nowhere in the text. */
const MARKS = new Set([SCALAR_MARK, '\x02', '\x18'])

/** With what each is and where it stands. */
export function describeTokens(sources: readonly string[]): Token[] {
  const tokens: Token[] = []
  let offset = 0
  for (const source of sources) {
    const isScalar = tokens.at(-1)?.type === 'scalar-mark'
    tokens.push({ type: isScalar ? 'scalar' : tokenType(source), source, offset })
    if (isScalar || !MARKS.has(source)) offset += source.length
  }
  return tokens
}

function tokenType(source: string): string {
  const type = CST.tokenType(source)
  return type === 'scalar' ? 'scalar-mark' : (type ?? 'unknown')
}

/** `root` is what the library made of the first document, however many complaints it had. */
export interface Composed {
  root: SyntaxNode
  complaints: SyntaxComplaint[]
}

/** Recurses as deep as brackets and dashes nest: bound them first. Maps deeper than `maxDepth` are complained of. */
export function composeYaml(sources: readonly string[], text: string, maxDepth: number): Composed {
  // merge keys are ours (nodes.ts), and the library's own check for duplicates takes quadratic time
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    resolveKnownTags: false,
  })
  const documents = withoutStacks(() => [...composer.compose(parse(sources), true, text.length)])
  const complaints = documents.flatMap(complaintsOf).filter((one) => !isBlankLine(one, text))
  complaints.push(...documents.slice(1).map(complainOfSecond))
  return { root: toSyntax(documents[0]!.contents, 0, maxDepth, complaints), complaints }
}

/** The library makes an Error for each mistake: in a file of a hundred thousand their stacks take seconds. */
function withoutStacks<T>(body: () => T): T {
  const limit = Error.stackTraceLimit
  Error.stackTraceLimit = 0
  try {
    return body()
  } finally {
    Error.stackTraceLimit = limit
  }
}

function* parse(sources: readonly string[]): Generator<CST.Token> {
  const parser = new Parser()
  for (const source of sources) yield* parser.next(source)
  yield* parser.end()
}

function complaintsOf(document: Document.Parsed): SyntaxComplaint[] {
  const found = [...document.errors, ...document.warnings]
  if (document.directives.yaml.version === '1.2') return found
  return [...found, { code: 'BAD_DIRECTIVE', message: 'Only YAML 1.2 is understood', pos: [0, 1] }]
}

/** The library minds a tab on an empty line, where YAML does not. */
function isBlankLine({ code, pos: [start] }: SyntaxComplaint, text: string): boolean {
  return code === 'TAB_AS_INDENT' && /^[ \t]*(\r?\n|$)/.test(text.slice(start, start + 200))
}

function complainOfSecond({ contents, range }: Document.Parsed): SyntaxComplaint {
  const start = contents?.range[0] ?? range[0]
  return { code: 'MULTIPLE_DOCS', message: 'A second YAML document begins here', pos: [start, start + 1] }
}

function toSyntax(node: unknown, depth: number, maxDepth: number, complaints: SyntaxComplaint[]): SyntaxNode {
  const { range, anchor } = (node ?? {}) as { range?: [number, number, number] | null; anchor?: string }
  const [start, end] = range ?? [0, 0]
  const inner = (child: unknown) => toSyntax(child, depth + 1, maxDepth, complaints)
  if (depth > maxDepth) {
    const message = `Maps are nested more than ${maxDepth} levels deep here`
    complaints.push({ code: 'TOO_DEEP', message, pos: [start, start + 1] })
  } else if (isAlias(node)) {
    return { kind: 'alias', start, end, anchor, name: node.source }
  } else if (isScalar(node)) {
    const quoted = node.type !== 'PLAIN'
    return { kind: 'scalar', start, end, anchor, value: scalarValue(node), source: node.source ?? '', quoted }
  } else if (isSeq(node)) {
    return { kind: 'list', start, end, anchor, items: node.items.map(inner) }
  } else if (isMap(node)) {
    const pairs = node.items.map(({ key, value }): Pair => ({ key: inner(key), value: inner(value) }))
    return { kind: 'map', start, end, anchor, pairs }
  }
  return { kind: 'scalar', start, end, anchor, value: null, source: '', quoted: false }
}

/** A number keeps its spelling: 0600, 012, 5e3 and 0x10 become text, so that each key can judge them itself. */
function scalarValue({ value, source, type }: Scalar): Exclude<Plain, object> {
  const isRespelled = typeof value === 'number' && type === 'PLAIN' && String(value) !== source
  return isRespelled ? (source ?? null) : (value as null | boolean | number | string)
}

/** Plain data as a YAML document; long values stay on their line, unusual characters between double quotes. */
export function formatYaml(value: Plain): string {
  const options = { lineWidth: 0, aliasDuplicateObjects: false, version: '1.2', schema: 'core' } as const
  const text = stringify(value, options)
  const isUnusual = /[^\n\x20-\x7e\p{L}\p{N}]/u.test(text)
  return isUnusual
    ? stringify(value, { ...options, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' })
    : text
}
