// Values come back from a shell, and from readers of .env files, exactly as they went in.

import { execFileSync } from 'node:child_process'
import { parseEnv as parseAsNode } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseEnv } from '../../src/config/dotenv.ts'
import { formatDotenv, formatShell } from '../../src/view/variables.ts'

const awkward = {
  PLAIN: 'postgres://app@127.0.0.1:9000/shop',
  EMPTY: '',
  BLANK: ' a  b ',
  TILDE: '~root',
  DOLLAR: '$HOME ${HOME} $(id)',
  BACKTICK: '`id`',
  HASH: 'a #b',
  QUOTE: '"a"',
  BACKSLASH: 'a\\nb',
  LINES: 'one\ntwo',
  JSON: '{"a": [1, 2]}',
  EXPANDS: '=ls *.ts !!',
  LETTERS: 'Grüße',
}
const harder = { APOSTROPHE: "it's $x", END: 'C:\\' }

test('sh takes them back', () => {
  const variables: Record<string, string> = { ...awkward, ...harder, BOTH: "it's `id`" }
  const print = 'for name in "$@"; do eval "printf %s \\"\\$$name\\""; printf "\\\\0"; done'
  const script = `${formatShell(variables)}\n${print}`
  const out = execFileSync('sh', ['-c', script, 'sh', ...Object.keys(variables)], { encoding: 'utf8' })
  expect(out.split('\0').slice(0, -1)).toEqual(Object.values(variables))
})

test('readers of .env files take them back', () => {
  const ours = (text: string) => parseEnv({ path: '.env', text }, () => undefined)
  const { value, problems } = ours(formatDotenv({ ...awkward, ...harder }))
  expect(problems).toEqual([])
  expect({ ...value }).toEqual({ ...awkward, ...harder })
  expect({ ...parseAsNode(formatDotenv(awkward)) }).toEqual(awkward)
  expect(() => formatDotenv({ BOTH: "it's `id`" })).toThrow('backtick')
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme-ascii' }), (text) => {
      fc.pre(!(text.includes("'") && text.includes('`')))
      expect(ours(formatDotenv({ A: text })).value.A).toBe(text)
    }),
  )
})
