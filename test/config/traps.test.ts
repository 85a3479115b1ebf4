// YAML's traps by name: one problem each, with the quoted form, and the rest of the file is still read.

import { expect, test } from 'vitest'
import { parseDocument } from '../../src/config/document.ts'

const parse = (text: string) => parseDocument({ path: '/p/tunnels.yaml', text })

const traps: [text: string, place: string, quoted: string][] = [
  ['local: *:9000', '1:8+6', '"*:9000"'],
  ['local: *:9000 # all', '1:8+6', '"*:9000"'],
  ['local: *', '1:8+1', '"*"'],
  ['a:\n- *.example.com:443\n- b', '2:3+17', '"*.example.com:443"'],
  ['a: [x, *.corp:443]', '1:8+10', '"*.corp:443"'],
  ['a: { local: *:9000, to: b }', '1:13+6', '"*:9000"'],
  ['local: [::1]:9000', '1:8+10', '"[::1]:9000"'],
  ['local: [::]:80', '1:8+7', '"[::]:80"'],
  ['to: [2001:db8::7]:5432\nvia: b', '1:5+18', '"[2001:db8::7]:5432"'],
  ['a: { to: [::1]:9000, via: b }', '1:10+10', '"[::1]:9000"'],
  ['a: [*.corp]:443', '1:4+12', '"[*.corp]:443"'],
  ['a: { user: ${A} }', '1:12+4', '"${A}"'],
  ['a: { user: ${A:-b, c}-x, via: d }', '1:12+12', '"${A:-b, c}-x"'],
  ['a: { local: 127.0.0.1:${PORT} }', '1:13+17', '"127.0.0.1:${PORT}"'],
  ['a: { url: pg://x@{host}:{port}/y }', '1:11+22', '"pg://x@{host}:{port}/y"'],
  ['url: {host}:5432', '1:6+11', '"{host}:5432"'],
  ['user: @x', '1:7+2', '"@x"'],
  ['user: %h', '1:7+2', '"%h"'],
  ['user: `id`', '1:7+4', '"`id`"'],
  ['a: { user: @x, port: 1 }', '1:12+2', '"@x"'],
  ['description: see: below # x\nto: a', '1:14+10', '"see: below"'],
  ['a:\n- via: a: b: c', '2:8+7', '"a: b: c"'],
  ['user: @a"b', '1:7+4', `'@a"b'`],
]

test.each(traps)('%j is one problem at %s that says: write %s', (text, place, quoted) => {
  const { problems } = parse(text)
  expect(problems).toHaveLength(1)
  const { code, at, span, hint } = problems[0]!
  expect({ code, place: `${at?.line}:${at?.column}+${span}` }).toEqual({ code: 'CONFIG_SYNTAX', place })
  expect(hint).toBe(`Write ${quoted} in quotes`)
})

test.each(traps)('%j: what the hint says is what it takes', (text, _, quoted) => {
  const bare = quoted.slice(1, -1)
  const mended = parse(text.replace(bare, quoted))
  expect(mended.problems).toEqual([])
  expect(parse(text).value.value).toEqual(mended.value.value)
})

test('tabs are one mistake however many lines have them', () => {
  const { problems, value } = parse('hosts:\n\ta: x\n\tb:\n\t\tuser: y\nforwards: {}\n')
  expect(problems).toMatchObject([
    {
      summary: 'YAML allows no tab as indentation',
      at: { line: 2, column: 1 },
      detail: 'also on lines 3, 4',
    },
  ])
  expect(value.value).toEqual({ hosts: { a: 'x', b: { user: 'y' } }, forwards: {} })
})

test('a tab where YAML has nothing against it is no mistake', () => {
  expect(parse('a:\tb\nc:   \t# x\n\t\nd: "x\ty"').problems).toEqual([])
})

test('a star that has its anchor is an alias', () => {
  expect(parse('a: &my.own 1\nb: *my.own').problems).toEqual([])
})

test('all traps and other mistakes of one file come in one run, each at its place in the file as it is', () => {
  const text = [
    'hosts:',
    '  a: { user: ${A}, port: 22, user: b }',
    '  b: !x y',
    'forwards:',
    '  web:',
    '    local: *:9000',
    '    to: [::1]:80',
    '    to: c',
    '  web: 1',
  ].join('\n')
  const places = parse(text).problems.map(({ at, summary }) => `${at?.line}:${at?.column} ${summary}`)
  expect(places.toSorted()).toEqual([
    '2:14 Unquoted brackets are a YAML list or map, not a part of the text around them',
    '2:30 The key "user" stands twice in this map',
    '3:6 Unknown YAML tag !x',
    '6:12 An unquoted * begins a YAML alias, not an address',
    '7:9 Unquoted brackets are a YAML list or map, not a part of the text around them',
    '8:5 The key "to" stands twice in this map',
    '9:3 The key "web" stands twice in this map',
  ])
})
