// The line that a problem is about, with the line before it and a caret below it.

import { columnsOf } from './columns.ts'
import { makePrintable } from './printable.ts'
import { paint } from './state.ts'

const MAX_CHARACTERS = 100

/** Empty where the text has no such line: the file has changed since. `column` and `span` count characters. */
export function formatFrame(
  text: string,
  at: { line: number; column: number },
  span: number,
  { color }: { color: boolean },
): string[] {
  const lines = text.replace(/^\ufeff/, '').split(/\r?\n/)
  if (lines[at.line - 1] === undefined) return []
  const line = starPasswords(lines[at.line - 1]!)
  const before = starPasswords(lines[at.line - 2] ?? '')
  const gutter = (label: string) => paint(`  ${label.padStart(String(at.line).length)} |`, 'dim', color)
  const { shown, indent, caret } = markLine([...line], at.column - 1, span)
  return [
    ...(before.trim() === '' ? [] : [`${gutter(String(at.line - 1))} ${cut([...before], 0)}`]),
    `${gutter(String(at.line))} ${shown}`,
    `${gutter('')} ${' '.repeat(indent)}${paint('^'.repeat(caret), 'red', color)}`,
  ]
}

/** Terminals are recorded, those of CI for everybody. Each star stands for a character, so that the caret stays right. */
function starPasswords(line: string): string {
  return line.replace(
    /(:\/\/[^\s/:@]{0,100}:)([^\s/@]{1,200})(?=@)/g,
    (_, before: string, password: string) => before + '*'.repeat([...password].length),
  )
}

/** A long line is cut around the place. */
function markLine(characters: string[], column: number, span: number) {
  const from = column > MAX_CHARACTERS - 20 ? column - 40 : 0
  const marked = characters.slice(column, Math.min(column + span, from + MAX_CHARACTERS))
  return {
    shown: cut(characters, from),
    indent: widthOf(characters.slice(from, column)) + (from > 0 ? 1 : 0),
    caret: Math.max(1, widthOf(marked)),
  }
}

function cut(characters: string[], from: number): string {
  const end = from + MAX_CHARACTERS
  const shown = characters.slice(from, end).map(show).join('')
  return `${from > 0 ? '…' : ''}${shown}${characters.length > end ? '…' : ''}`
}

/** A tab must be seen, and be as wide as what stands above the caret. */
function show(character: string): string {
  return character === '\t' ? '→' : makePrintable(character)
}

function widthOf(characters: string[]): number {
  return columnsOf(characters.map(show).join(''))
}
