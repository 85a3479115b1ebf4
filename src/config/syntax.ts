// The words for what the YAML library complains about. Where it complains again because of its own
// first complaint, the follow-ups are left out.

import type { Problem } from '../model/problem.ts'
import type { Lines } from './lines.ts'

/** As the yaml library reports it; `pos` are offsets in the text that was parsed. */
export interface SyntaxComplaint {
  code: string
  message: string
  pos: readonly [number, number?]
}

interface Wording {
  summary: string
  hint?: string
}

const MAX_SYNTAX_PROBLEMS = 20

/** In order of place, the first of each line, at most 20 and one that counts the rest. */
export function syntaxProblems(complaints: SyntaxComplaint[], text: string, lines: Lines): Problem[] {
  const sorted = complaints.toSorted((a, b) => a.pos[0] - b.pos[0])
  const problems: Problem[] = []
  const told = new Set<number>()
  let left = 0
  for (const complaint of sorted) {
    const problem = syntaxProblem(complaint, text, lines)
    if (told.has(problem.at!.line)) continue
    told.add(problem.at!.line)
    if (problems.length < MAX_SYNTAX_PROBLEMS) problems.push(problem)
    else left++
    if (endsReading(complaint)) break
  }
  if (left > 0) problems.at(-1)!.detail = `${left} more lines of this file are not YAML`
  return problems
}

/** After it nothing is as it was meant: a document that ended by mistake, or that is too deep to be read. */
export function endsReading({ code, message }: SyntaxComplaint): boolean {
  return code === 'TOO_DEEP' || message.includes('in YAML stream')
}

function syntaxProblem(complaint: SyntaxComplaint, text: string, lines: Lines): Problem {
  const [start, end] = placeOf(complaint, text)
  return {
    code: 'CONFIG_SYNTAX',
    ...wordingOf(complaint, text),
    at: lines.position(start),
    span: lines.span(start, end),
  }
}

/** The library points at the blanks before what it minds, and at the end of a quote that is never closed. */
function placeOf(
  { message, pos: [start, end = start + 1] }: SyntaxComplaint,
  text: string,
): [number, number] {
  const [, quoteMark] = /^Missing closing (["'])/.exec(message) ?? []
  if (quoteMark) return [text.lastIndexOf(quoteMark, start - 1), end]
  const blanks = /[ \t]*/y
  blanks.lastIndex = start
  const begin = start + blanks.exec(text)![0].length
  return [begin, Math.max(end, begin + 1)]
}

function wordingOf({ code, message, pos }: SyntaxComplaint, text: string): Wording {
  switch (code) {
    case 'MISSING_CHAR':
      return missingWording(message, text.slice(pos[0], pos[1]))
    case 'BAD_INDENT':
      return indentWording(message)
    case 'MULTILINE_IMPLICIT_KEY':
      return missingWording('Implicit map keys', text.slice(pos[0], pos[1]))
    case 'UNEXPECTED_TOKEN':
      return {
        summary: 'YAML does not expect this here: the value or the list before it has already ended',
        hint: 'Check quotes, brackets and indentation just before this place',
      }
    case 'BLOCK_AS_IMPLICIT_KEY':
      return {
        summary: 'A second ": " within one value',
        hint: 'Quote the value if the ": " belongs to it, else check the indentation of the next line',
      }
    case 'TAG_RESOLVE_FAILED':
      return {
        summary: message.replace('Unresolved tag:', 'Unknown YAML tag'),
        hint: 'An unquoted ! begins a YAML tag: quote the value if it belongs to it',
      }
    case 'BAD_DQ_ESCAPE':
      return { summary: message, hint: 'In double quotes write \\\\ for a backslash, or use single quotes' }
    default:
      return { summary: message }
  }
}

function missingWording(message: string, found: string): Wording {
  if (message.startsWith('Missing closing')) return { summary: 'A quote is opened here and never closed' }
  if (!message.startsWith('Implicit map keys')) return { summary: message }
  const [, key, value] = /^([\w.-]+):(\S+)$/.exec(found) ?? []
  return {
    summary: 'A key and its value, or at least a colon behind the key, is expected here',
    hint: key ? `Write "${key}: ${value}", with a blank after the colon` : 'Write "key: value"',
  }
}

function indentWording(message: string): Wording {
  if (message.startsWith('Flow'))
    return { summary: 'A bracket is opened before this place and not closed, or closed too far to the left' }
  return {
    summary: 'This line is indented differently from its neighbours',
    hint: 'Keys of one map begin in the same column',
  }
}
