// What cannot be seen, or moves what is seen, is told by its name wherever text of a file reaches a terminal.

import { expect, test } from 'vitest'
import { parse } from 'yaml'
import { formatOrigins } from '../../src/view/origins.ts'
import { makePrintable } from '../../src/view/printable.ts'
import { formatProblems } from '../../src/view/problem.ts'

test.each([
  ['\u001b[2J\t\u009b', '\\x1b[2J\\x09\\x9b'],
  ['a\u200bb\u200d\u2060\ufeff', 'a\\u200bb\\u200d\\u2060\\ufeff'],
  ['soft\u00adhyphen \u061c', 'soft\\xadhyphen \\u061c'],
  ['tag \u{e0041}', 'tag \\U000e0041'],
  ['blank \u3164\u2800', 'blank \\u3164\\u2800'],
  ['line\u2028 \u202e', 'line\\u2028 \\u202e'],
  ['Größe 東京 नमस्ते ⚠\ufe0f 🚀', 'Größe 東京 नमस्ते ⚠\ufe0f 🚀'],
])('%j is %s', (text, expected) => expect(makePrintable(text)).toBe(expected))

test('in a problem, and in the line of the file that it shows', () => {
  const at = { file: '/shop/tunnels.yaml', line: 1, column: 1 }
  const problem = {
    code: 'UNTRUSTED' as const,
    summary: 'nc\u200b waits',
    hint: 'a\u2060b',
    path: 'x\u200d',
    at,
  }
  const text = formatProblems([problem], { sources: () => 'proxy: n\u200bc', color: false, cwd: '/shop' })
  for (const shown of ['nc\\u200b waits', 'a\\u2060b', 'x\\u200d', 'proxy: n\\u200bc'])
    expect(text).toContain(shown)
  expect(text).not.toMatch(/\p{Cf}/u)
})

test('in a value of config --origin, where YAML reads it back', () => {
  const value = 'nc \u200b\u00ad\u{e0041}\n"'
  const origin = { from: 'file' as const, file: '/shop/a\u200b.yaml', line: 1, column: 1 }
  const explained = {
    project: 'shop',
    files: [],
    hosts: { gw: { proxy_command: { value, origin } } },
    forwards: {},
  }
  const text = formatOrigins(explained, { folder: '/shop', home: null })
  expect(text).not.toMatch(/\p{Cf}/u)
  expect(parse(text).hosts.gw.proxy_command).toBe(value)
})
