// Problems as a person reads them on a terminal: what, where, the line itself with a caret, what to do.
// All wording is in the problems; here is only how it looks.

import { relative, sep } from 'node:path'
import { isError, type Problem } from '../model/problem.ts'
import { formatFrame } from './code-frame.ts'
import { makePrintable } from './printable.ts'
import { paint } from './state.ts'

export interface ProblemOptions {
  /** The text of a file, as it was when the problem was found; undefined where it is not known. */
  sources: (file: string) => string | undefined
  color: boolean
  /** Files below it are shown relative to it. */
  cwd: string
}

/** Ends with a newline; empty for no problems. Text from files and servers cannot reach the terminal's controls. */
export function formatProblems(problems: readonly Problem[], options: ProblemOptions): string {
  if (problems.length === 0) return ''
  const blocks = problems.map((problem) => `${formatProblem(problem, options).join('\n')}\n`)
  if (problems.length > 1) blocks.push(`${paint(formatCounts(problems), 'bold', options.color)}\n`)
  return blocks.join('\n')
}

function formatProblem(problem: Problem, options: ProblemOptions): string[] {
  return [
    formatTitle(problem, options),
    ...formatPlace(problem, options),
    ...frameOf(problem, options),
    ...printableLines(problem.detail).map((line) => `  ${line}`),
    ...formatHint(problem, options),
  ]
}

function formatTitle(problem: Problem, { color }: ProblemOptions): string {
  const severity = isError(problem) ? paint('error', 'red', color) : paint('warning', 'yellow', color)
  const summary = paint(makePrintable(problem.summary), 'bold', color)
  return `${severity}: ${summary} ${paint(`[${problem.code}]`, 'dim', color)}`
}

function formatPlace({ at, path }: Problem, { cwd, color }: ProblemOptions): string[] {
  const place = at && `${formatFile(at.file, cwd)}:${at.line}:${at.column}`
  const text = [place, path && makePrintable(path)].filter(Boolean).join('  ')
  return text === '' ? [] : [`  ${paint(text, 'cyan', color)}`]
}

/** Relative where it is below `cwd`. */
export function formatFile(file: string, cwd: string): string {
  if (file === '-') return '(standard input)'
  const below = relative(cwd, file)
  const isBelow = below !== '' && below !== '..' && !below.startsWith(`..${sep}`)
  return makePrintable(isBelow ? below : file)
}

function frameOf({ at, span }: Problem, { sources, color }: ProblemOptions): string[] {
  const source = at && sources(at.file)
  return source === undefined ? [] : formatFrame(source, at!, span ?? 1, { color })
}

function formatHint({ hint }: Problem, { color }: ProblemOptions): string[] {
  const [first, ...more] = printableLines(hint)
  if (first === undefined) return []
  return [`  ${paint('hint:', 'green', color)} ${first}`, ...more.map((line) => `        ${line}`)]
}

function printableLines(text = ''): string[] {
  return text === ''
    ? []
    : text
        .replace(/\r?\n$/, '')
        .split(/\r?\n/)
        .map(makePrintable)
}

function formatCounts(problems: readonly Problem[]): string {
  const errors = problems.filter(isError).length
  const warnings = problems.length - errors
  return [formatCount(errors, 'problem'), formatCount(warnings, 'warning')].filter(Boolean).join(', ')
}

function formatCount(count: number, word: string): string {
  return count === 0 ? '' : `${count} ${word}${count === 1 ? '' : 's'}`
}
