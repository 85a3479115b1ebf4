// The `.env` file in Docker Compose's syntax. A library of our own would be welcome, but those that are well kept
// skip a line that they do not understand and know no ${VAR}, and here both must be as in Compose.

import type { Problem } from '../model/problem.ts'
import { readSource, type SourceFile } from './read.ts'
import type { Result } from './tree.ts'
import { fillTemplate, type Lookup, type Missing, parseTemplate } from './variable.ts'

export interface EnvFileOptions {
  /** For --env-file: a missing file is a problem. The `.env` beside the first file may be missing. */
  mustExist?: boolean
  /** The environment: what a value may refer to, and what a bare NAME takes over. */
  lookup?: Lookup
  /** Is told each variable of which a value of the file is made: `A=${B}x` makes A of B. */
  onUse?: OnUse
}

type OnUse = (name: string, used: string) => void

/** Never rejects. Lines that are no assignment are problems at their line; the others count. */
export async function readEnvFile(
  path: string,
  options: EnvFileOptions = {},
): Promise<Result<Record<string, string>>> {
  const source = await readSource(path)
  if (source.value) return parseEnv(source.value, options.lookup ?? (() => undefined), options.onUse)
  const isAbsent = source.problems.some(({ code }) => code === 'CONFIG_NOT_FOUND')
  return { value: emptyRecord(), problems: isAbsent && !options.mustExist ? [] : source.problems }
}

/** A variable may refer to the environment and to those above it; the environment wins, as in Compose. */
export function parseEnv(
  source: SourceFile,
  lookup: Lookup,
  onUse: OnUse = () => {},
): Result<Record<string, string>> {
  const value = emptyRecord()
  const problems: Problem[] = []
  const known: Lookup = (name) => lookup(name) ?? (Object.hasOwn(value, name) ? value[name] : undefined)
  for (const statement of statements(source.text)) {
    const problem = assign(statement, value, known, onUse)
    if (problem) problems.push(atLine(problem, source.path, statement.line))
    if (problems.length === MAX_PROBLEMS) break
  }
  return { value, problems }
}

/** After so many this is no .env at all. */
const MAX_PROBLEMS = 20

interface Statement {
  line: number
  text: string
}

/** Lines, but a quoted value goes on to its closing quote; without comments and empty lines. */
function* statements(text: string): Generator<Statement> {
  const lines = text.split(/\r?\n/)
  for (let index = 0; index < lines.length; index++) {
    const line = index + 1
    let statement = lines[index]!.trim()
    if (statement === '' || statement.startsWith('#')) continue
    const end = quotedEnd(lines, index)
    if (end > index) {
      statement = lines.slice(index, end + 1).join('\n')
      index = end
    }
    yield { line, text: statement.trim() }
  }
}

/** The line on which the quote closes that a value on line `index` opens; `index` where none is left open. */
function quotedEnd(lines: string[], index: number): number {
  const [, quote, rest] = /^[^=:#]*[=:][^\S\n]*(["'])(.*)$/.exec(lines[index]!) ?? []
  if (!quote || closes(rest!, quote)) return index
  const end = lines.findIndex((line, at) => at > index && closes(line, quote))
  return end < 0 ? index : end
}

function closes(text: string, quote: string): boolean {
  return closingQuote(text, quote) >= 0
}

/** A backslash guards the character behind it. */
function closingQuote(text: string, quote: string): number {
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '\\') at++
    else if (text[at] === quote) return at
  }
  return -1
}

function assign(
  statement: Statement,
  values: Record<string, string>,
  lookup: Lookup,
  onUse: OnUse,
): Problem | null {
  const [, name, rest] = /^(?:export\s+)?(\w[\w.-]*)\s*(?:[=:]\s*([\s\S]*))?$/.exec(statement.text) ?? []
  if (name === undefined) {
    return syntax('This line is no variable', 'Write NAME=value')
  }
  const known: Lookup = (used) => {
    onUse(name, used)
    return lookup(used)
  }
  if (rest === undefined) return inherit(name, values, known)
  const value = parseValue(rest, known)
  if (typeof value !== 'string') return value
  values[name] = value
  return null
}

function inherit(name: string, values: Record<string, string>, known: Lookup): null {
  const value = known(name)
  if (value !== undefined) values[name] = value
  return null
}

function parseValue(text: string, known: Lookup): string | Problem {
  const quote = text[0]
  if (quote !== '"' && quote !== "'") return fill(text.replace(/(^|\s)#.*$/, '').trimEnd(), known)
  const end = closingQuote(text.slice(1), quote)
  if (end < 0) return syntax(`The ${quote} that opens this value is never closed`)
  const after = text.slice(end + 2).trim()
  if (after !== '' && !after.startsWith('#')) return syntax('Something stands behind the closing quote')
  const inner = text.slice(1, end + 1)
  return quote === "'" ? inner.replaceAll("\\'", "'") : fill(unescapeText(inner), known)
}

const ESCAPES: Record<string, string> = { n: '\n', r: '\r', t: '\t' }

/** `\$` stays a dollar through the filling. */
function unescapeText(text: string): string {
  return text.replace(/\\([nrt"\\$])/g, (_, character: string) =>
    character === '$' ? '$$' : (ESCAPES[character] ?? character),
  )
}

/** As in Compose an unset variable is empty here, and a dollar that begins no variable is a dollar. */
function fill(text: string, known: Lookup): string | Problem {
  const missing: Missing[] = []
  const filled = fillTemplate(parseTemplate(text), known, missing)
  const broken = missing.find(({ kind }) => kind === 'broken')
  const demanded = missing.find((one) => one.kind === 'unset' && one.message !== '')
  if (broken) return syntax('A $ here begins no variable', 'Put the value in single quotes, or write $$')
  if (demanded?.kind === 'unset')
    return syntax(`The variable ${demanded.name} is not set: ${demanded.message}`)
  return filled
}

function syntax(summary: string, hint?: string): Problem {
  return { code: 'CONFIG_SYNTAX', summary, ...(hint !== undefined && { hint }) }
}

/** The line is not quoted in the problem: it may hold a secret. */
function atLine(problem: Problem, file: string, line: number): Problem {
  return { ...problem, at: { file, line, column: 1 } }
}

function emptyRecord(): Record<string, string> {
  return Object.create(null) as Record<string, string>
}
