// Variables as text that a shell, or a reader of .env files, takes back to exactly the same values.

import { type Problem, ProblemError } from '../model/problem.ts'
import type { Variables } from '../model/variables.ts'

/** What no shell does anything with: not even zsh, with a leading `=` or `~`. */
const PLAIN = /^[\w@%+:,./-]+$/

/** A line of sh each, for `eval`; the empty text for none. */
export function formatShell(variables: Variables): string {
  return lines(
    variables,
    (name, value) => `export ${name}=${PLAIN.test(value) ? value : quoteForShell(value)}`,
  )
}

/** POSIX.1-2017, Shell Command Language, section 2.2.2: nothing is special between single quotes, but their end. */
function quoteForShell(value: string): string {
  return `'${value.replaceAll("'", "'\\''")}'`
}

/** As Docker Compose reads it, and other readers as far as they can. Throws a ProblemError for a value that none could. */
export function formatDotenv(variables: Variables): string {
  return lines(variables, (name, value) => {
    if (PLAIN.test(value)) return `${name}=${value}`
    if (value.includes("'") && value.includes('`')) throw new ProblemError(noWayToWrite(name))
    return `${name}=${quoteForDotenv(value)}`
  })
}

/** Between double quotes a shell that reads the file would run what stands between backticks; no reader takes an escape. */
function noWayToWrite(name: string): Problem {
  return {
    code: 'USAGE',
    summary: `${name} has both a single quote and a backtick, which a .env file cannot hold`,
    hint: 'Use --format shell or json',
  }
}

/** Single quotes are literal to every reader. Only some know a quote in them, or what a backslash before the last is. */
function quoteForDotenv(value: string): string {
  if (!/'|\\$/.test(value)) return `'${value}'`
  return `"${value
    .replaceAll(/[\\"$]/g, '\\$&')
    .replaceAll('\n', '\\n')
    .replaceAll('\t', '\\t')}"`
}

function lines(variables: Variables, format: (name: string, value: string) => string): string {
  return Object.entries(variables)
    .map(([name, value]) => `${format(name, value)}\n`)
    .join('')
}
