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

/** `isCut`: the text has more than `maxTokens` tokens, blanks and comments not counted, and is not read to its end. */
export function lexYaml(text: string, maxTokens: number): { tokens: Token[]; isCut: boolean } {
  const tokens: Token[] = []
  let offset = 0
  let counted = 0
  for (const source of new Lexer().lex(text)) {
    const type = tokens.at(-1)?.type === 'scalar-mark' ? 'scalar' : tokenType(source)
    tokens.push({ type, source, offset })
    if (!MARKS.has(type)) offset += source.length
    if (!MARKS.has(type) && !BLANKS.has(type) && ++counted > maxTokens) return { tokens, isCut: true }
  }
  return { tokens, isCut: false }
}

const BLANKS = new Set(['space', 'newline', 'comment'])

/** Characters that the lexer puts between the tokens, and that stand nowhere in the text. */
const MARKS = new Set(['scalar-mark', 'doc-mode', 'flow-error-end'])

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
export function composeYaml(tokens: Token[], text: string, maxDepth: number): Composed {
  // merge keys are ours (nodes.ts), and the library's own check for duplicates takes quadratic time
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    resolveKnownTags: false,
  })
  const documents = withoutStacks(() => [...composer.compose(parse(tokens), true, text.length)])
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

function* parse(tokens: Token[]): Generator<CST.Token> {
  const parser = new Parser()
  for (const { source } of tokens) yield* parser.next(source)
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
