// Lines that fit a terminal: what is cut says so, what is wrapped loses nothing.

import { expect, test } from 'vitest'
import { columnsOf, cutLine, wrapLine } from '../../src/view/columns.ts'

const red = (text: string) => `\x1b[31m${text}\x1b[39m`

test.each([
  ['web: open', 9],
  [red('web'), 3],
  ['データ', 6],
  ['e\u0301', 1],
])('%j takes %i columns', (text, columns) => {
  expect(columnsOf(text)).toBe(columns)
})

test.each([
  ['web: open', 9, 'web: open'],
  ['web: open', 8, 'web: op…'],
  ['データ', 5, 'デー…'],
  [`${red('acme')}: gone`, 6, `${red('acme')}:…`],
  [red('acme: gone'), 6, red('acme:…')],
])('%j in %i columns is %j', (line, columns, shown) => {
  expect(cutLine(line, columns)).toBe(shown)
})

test('a line is broken at blanks, and indented', () => {
  expect(wrapLine('  say so to its owner', 12)).toEqual(['  say so to', '    its', '    owner'])
  expect(wrapLine('fits', 4)).toEqual(['fits'])
  expect(wrapLine('abcdefghij', 6)).toEqual(['abcdef', '  ghij'])
  expect(wrapLine(`${red('acme')}: is gone`, 8)).toEqual([`${red('acme')}: is`, '  gone'])
})
