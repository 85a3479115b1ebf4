// What a person sees of a problem, as text.

import { expect, test } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import { formatProblems } from '../../src/view/problem.ts'

const at = (line: number, column: number, file = '/p/tunnels.yaml') => ({ file, line, column })

function show(problems: Problem[], text?: string, options: { color?: boolean; cwd?: string } = {}): string {
  return formatProblems(problems, { sources: () => text, color: false, cwd: '/p', ...options })
}

test('a problem shows place, frame, path, detail and hint', () => {
  const problem: Problem = {
    code: 'CONFIG_SCHEMA',
    summary: 'The port is not between 1 and 65535',
    detail: 'seen: 0\nexpected: a port',
    hint: 'write auto\nfor a free one',
    at: at(3, 9),
    path: 'forwards.web.to',
    span: 6,
  }
  expect(show([problem], 'forwards:\n  web:\n    to: host:0\n')).toBe(
    [
      'error: The port is not between 1 and 65535 [CONFIG_SCHEMA]',
      '  tunnels.yaml:3:9  forwards.web.to',
      '  2 |   web:',
      '  3 |     to: host:0',
      '    |         ^^^^^^',
      '  seen: 0',
      '  expected: a port',
      '  hint: write auto',
      '        for a free one',
      '',
    ].join('\n'),
  )
})

test('a password in a URL is starred out in the frame, and the caret stays where it was', () => {
  const text = 'a: "amqp://:geheim@h"\nto: postgres://app:hünter2@db:x # port\n'
  const shown = show([{ code: 'USAGE', summary: 'x', at: at(2, 30) }], text)
  expect(shown).toContain('  1 | a: "amqp://:******@h"\n')
  expect(shown).toContain(`  2 | to: postgres://app:*******@db:x # port\n    | ${' '.repeat(29)}^\n`)
  expect(show([{ code: 'USAGE', summary: 'x', at: at(1, 1) }], `://${':a'.repeat(120_000)}`)).toContain('^')
})

test('several problems are counted at the end, warnings apart', () => {
  const error: Problem = { code: 'USAGE', summary: 'one' }
  const warning: Problem = { code: 'CONFIG_WARNING', summary: 'two', severity: 'warning' }
  expect(show([])).toBe('')
  expect(show([error])).toBe('error: one [USAGE]\n')
  expect(show([error, warning, error])).toBe(
    'error: one [USAGE]\n\nwarning: two [CONFIG_WARNING]\n\nerror: one [USAGE]\n\n2 problems, 1 warning\n',
  )
  expect(show([warning, warning])).toMatch(/\n2 warnings\n$/)
})

test.each([
  ['/p/tunnels.yaml', '/p', 'tunnels.yaml:1:1'],
  ['/p/a/tunnels.yaml', '/p', 'a/tunnels.yaml:1:1'],
  ['/p/tunnels.yaml', '/p/a', '/p/tunnels.yaml:1:1'],
  ['/q/tunnels.yaml', '/p', '/q/tunnels.yaml:1:1'],
  ['/p/..x/t.yaml', '/p', '..x/t.yaml:1:1'],
  ['-', '/p', '(standard input):1:1'],
])('%s seen from %s is %s', (file, cwd, place) => {
  expect(show([{ code: 'USAGE', summary: 's', at: at(1, 1, file) }], undefined, { cwd })).toContain(
    `  ${place}\n`,
  )
})

test.each<[string, string, number, number, string]>([
  ['a tab is seen and as wide as its caret', '\ta: b', 2, 1, '  1 | →a: b\n    |  ^\n'],
  ['wide characters take two columns', 'ab: 日本 x', 8, 1, '  1 | ab: 日本 x\n    |          ^\n'],
  ['a wide span', 'a: 日本', 4, 2, '  1 | a: 日本\n    |    ^^^^\n'],
  ['a character of two code units is one', 'a: 𝒳𝒳 y', 7, 1, '  1 | a: 𝒳𝒳 y\n    |       ^\n'],
  ['a combining mark takes none', 'e\u0301: y', 5, 1, '  1 | e\u0301: y\n    |    ^\n'],
  [
    'a control character is shown, and the caret moves with it',
    'a\u001b[31m: b',
    9,
    1,
    '  1 | a\\x1b[31m: b\n    |            ^\n',
  ],
  ['a span beyond the line ends with it', 'a: b', 4, 99, '  1 | a: b\n    |    ^\n'],
  ['the end of a line', 'a:', 3, 1, '  1 | a:\n    |   ^\n'],
  ['a byte order mark is not counted', '\ufeffa: b', 4, 1, '  1 | a: b\n    |    ^\n'],
  ['line ends of Windows', 'a: b\r\nc', 4, 1, '  1 | a: b\n    |    ^\n'],
])('%s', (_, text, column, span, frame) => {
  expect(show([{ code: 'USAGE', summary: 's', at: at(1, column), span }], text)).toContain(frame)
})

test('a line that is no longer there has no frame', () => {
  expect(show([{ code: 'USAGE', summary: 's', at: at(9, 1) }], 'a')).toBe(
    'error: s [USAGE]\n  tunnels.yaml:9:1\n',
  )
})

test('a long line is cut around the place, and the caret still points at it', () => {
  const text = `${'x'.repeat(100_000)}HERE${'y'.repeat(100_000)}`
  const lines = show([{ code: 'USAGE', summary: 's', at: at(1, 100_001), span: 4 }], text).split('\n')
  const line = lines.find((one) => one.includes('HERE'))!
  const carets = lines.find((one) => one.includes('^'))!
  expect(line.length).toBeLessThan(120)
  expect(carets.indexOf('^')).toBe(line.indexOf('HERE'))
  expect(carets).toMatch(/ \^{4}$/)
})

test('nothing of a file or a server reaches the controls of the terminal', () => {
  const evil = 'x\u001b]0;t\u0007\u009b2J\u202ey\r\b\u0000'
  const problem: Problem = {
    code: 'USAGE',
    summary: evil,
    detail: evil,
    hint: evil,
    path: evil,
    at: at(1, 1, `/p/${evil}`),
  }
  for (const color of [false, true]) {
    const text = show([problem, problem], evil, { color }).replace(/\u001b\[\d+m/g, '')
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/)
  }
})

test('colours come when asked for, whatever this process is attached to', () => {
  const problem: Problem = { code: 'USAGE', summary: 's' }
  expect(show([problem], '', { color: true })).toContain('\u001b[31merror\u001b[39m')
  expect(show([problem], '', { color: false })).not.toContain('\u001b')
})
