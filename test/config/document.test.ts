// YAML as tunnels.yaml has it: values, places, and every mistake at its line and column in one run.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDocument } from '../../src/config/document.ts'
import { formatYaml } from '../../src/config/yaml.ts'

const parse = (text: string) => parseDocument({ path: '/p/tunnels.yaml', text })
const plain = (text: string) => structuredClone(parse(text).value.value)
/** `line:column+span summary`. */
const complaints = (text: string) =>
  parse(text).problems.map(({ at, span = 1, summary }) => `${at?.line}:${at?.column}+${span} ${summary}`)

test.each<[string, unknown]>([
  ['', {}],
  ['# only a comment\n', {}],
  ['---\na: 1\n', { a: 1 }],
  ['a: 9000', { a: 9000 }],
  ['a: -1', { a: -1 }],
  ['a: 012', { a: '012' }],
  ['a: 0600', { a: '0600' }],
  ['a: 080', { a: '080' }],
  ['a: 5e3', { a: '5e3' }],
  ['a: 0x10', { a: '0x10' }],
  ['a: 1.50', { a: '1.50' }],
  ['a: 12345678901234567890', { a: '12345678901234567890' }],
  ['a: "9000"', { a: '9000' }],
  ['a: [yes, no, on, true, False, ~, null]', { a: ['yes', 'no', 'on', true, false, null, null] }],
  ['a: 2001-01-01', { a: '2001-01-01' }],
  ['a: 1:30', { a: '1:30' }],
  ['80: a\ntrue: b\n"": c', { '80': 'a', true: 'b', '': 'c' }],
  ['a: -L 8080:zaiste.net:80 acme', { a: '-L 8080:zaiste.net:80 acme' }],
  ['a: -R :8000:localhost:80 acme', { a: '-R :8000:localhost:80 acme' }],
  ['a: deploy@[::1]:22', { a: 'deploy@[::1]:22' }],
  ['a: ${A:-{}}', { a: '${A:-{}}' }],
  ['a: |\n  x\n  y\n', { a: 'x\ny\n' }],
  ['a: &x 1\nb: *x', { a: 1, b: 1 }],
  ['a: &x {b: [1]}\nc: *x\nd: [*x]', { a: { b: [1] }, c: { b: [1] }, d: [{ b: [1] }] }],
  ['x: &x {a: 1, b: 2}\ny: { b: 3, <<: *x, c: 4 }', { x: { a: 1, b: 2 }, y: { b: 3, a: 1, c: 4 } }],
  [
    'x: &x {a: 1}\nz: &z {a: 2, b: 2}\ny: { <<: [*x, *z] }',
    {
      x: { a: 1 },
      z: { a: 2, b: 2 },
      y: { a: 1, b: 2 },
    },
  ],
  ['x: &x {a: {p: 1}}\ny: { <<: *x, a: {q: 2} }', { x: { a: { p: 1 } }, y: { a: { q: 2 } } }],
  ['a: { "<<": 1 }', { a: { '<<': 1 } }],
  ['a: !!str 80', { a: '80' }],
])('%j is %j', (text, value) => {
  expect(complaints(text)).toEqual([])
  expect(plain(text)).toEqual(value)
})

test('keys that mean something to JavaScript are only keys', () => {
  const { value } = parse('__proto__: { polluted: 1 }\nconstructor: { __proto__: 2 }\ntoString: 3').value
  expect(Object.keys(value as object)).toEqual(['__proto__', 'constructor', 'toString'])
  expect('valueOf' in (value as object)).toBe(false)
  expect(({} as Record<string, unknown>).polluted).toBeUndefined()
})

test('each key and value has its place', () => {
  const { places } = parse('hosts:\n  acme:\n    user: "me"  # x\n    port: [1, 𝒳𝒳, c]\n    on/off~:\n').value
  const at = (line: number, column: number) => ({ file: '/p/tunnels.yaml', line, column })
  expect(places.get('/hosts/acme/user')).toEqual({ key: at(3, 5), keySpan: 4, value: at(3, 11), span: 4 })
  expect(places.get('/hosts/acme')).toEqual({ key: at(2, 3), keySpan: 4, value: at(3, 5), span: 10 + 5 })
  expect(places.get('/hosts/acme/port/1')).toEqual({ value: at(4, 15), span: 2 })
  expect(places.get('/hosts/acme/port/2')).toEqual({ value: at(4, 19), span: 1 })
  expect(places.get('/hosts/acme/on~1off~0')?.value).toEqual(at(5, 5))
})

test('an aliased value stands where its alias stands, a merged one where it was written', () => {
  const { places } = parse('x-a: &a { to: 1 }\nb: *a\nc:\n  <<: *a').value
  expect(places.get('/b')).toMatchObject({ value: { line: 2, column: 4 }, span: 2 })
  expect(places.get('/b/to')).toMatchObject({ value: { line: 1, column: 15 } })
  expect(places.get('/c/to')).toMatchObject({ value: { line: 1, column: 15 } })
})

test.each<[string, string[]]>([
  ['a: 1\nb: 2\na: 3', ['3:1+1 The key "a" stands twice in this map']],
  ['a: {b: 1, "b": 2}', ['1:11+3 The key "b" stands twice in this map']],
  ['a: !foo x', ['1:4+4 Unknown YAML tag !foo']],
  ['a: !!binary aGk=', ['1:4+8 Unknown YAML tag tag:yaml.org,2002:binary']],
  ['a: *x', ['1:4+2 There is no anchor "&x" above this alias']],
  ['a: *x\nb: &x 1', ['1:4+2 There is no anchor "&x" above this alias']],
  ['a: &a [*a]', ['1:8+2 This alias stands inside the very value that it repeats']],
  ['a: &a { <<: *a }', ['1:13+2 This alias stands inside the very value that it repeats']],
  ['a: { <<: 1 }', ['1:10+1 The merge key << needs a map, or a list of maps']],
  ['? [a]\n: 1', ['1:3+3 A key must be plain text, not a list, a map, an alias or nothing']],
  ['a: 1\n---\nb: 2', ['3:1+1 A second YAML document begins here']],
  ['%YAML 1.1\n---\na: yes', ['1:1+1 Only YAML 1.2 is understood']],
  ['- a', ['1:1+3 The file must be a map with keys such as "hosts" and "forwards"']],
  ['just text', ['1:1+9 The file must be a map with keys such as "hosts" and "forwards"']],
  ['a: "x\nb: 1', ['1:4+2 A quote is opened here and never closed']],
  ['a: "\\d"', ['1:5+1 Invalid escape sequence \\d']],
  ['a: b\n c: d', ['1:4+1 A second ": " within one value']],
  [
    'forwards:\n  web 9\n  b: 1',
    ['2:3+5 A key and its value, or at least a colon behind the key, is expected here'],
  ],
  ['forwards:\n  w:\n    via: a\n   to: 1', ['4:4+1 This line is indented differently from its neighbours']],
])('%j is refused at its place', (text, expected) => {
  expect(complaints(text)).toEqual(expected)
})

test('a mistake inside an anchor is told once, however often it is used', () => {
  expect(complaints('x: &x { a: 1, a: 2 }\nb: *x\nc: *x\nd: { <<: *x }')).toHaveLength(1)
})

test('a broken forward is left out, and its neighbours are still read', () => {
  const text = 'hosts:\n  a: x\nforwards:\n  bad: "x" y\n  good: -L 1:b:2 a\n'
  expect(complaints(text)).toHaveLength(1)
  expect(plain(text)).toEqual({ hosts: { a: 'x' }, forwards: { good: '-L 1:b:2 a' } })
})

test('of a file broken outside its hosts and forwards nothing is believed', () => {
  expect(plain('forwards:\n  a: 1\n}\nhosts: 2\n')).toEqual({})
})

// refused by counting before work is done on it: none of these may reach the library's recursion or be expanded
const letters = [...'abcdefghij']
const bomb = (first: string, next: (name: string) => string) =>
  letters.map((name, at) => `${name}: &${name} ${at === 0 ? first : next(letters[at - 1]!)}`).join('\n')

test.each<[string, string, RegExp]>([
  ['an alias bomb', bomb('[1, 1]', (name) => `[${`*${name},`.repeat(9)}]`), /more than 50000 values/],
  [
    'a merge bomb',
    bomb('{ x: 1 }', (name) => `{ <<: [${`*${name},`.repeat(9)}] }`),
    /more than 50000 values/,
  ],
  ['open brackets', '['.repeat(250_000), /more than 64 levels deep/],
  ['nested flow maps', '{a: '.repeat(60_000), /more than 64 levels deep/],
  ['dashes on one line', '- '.repeat(120_000), /more than 64 levels deep/],
  ['a staircase', Array.from({ length: 700 }, (_, at) => `${' '.repeat(at)}a:`).join('\n'), /64 levels deep/],
  ['very many values', `a: [${'1,'.repeat(120_000)}]`, /far too many values/],
  ['very many keys', 'a: 1\n'.repeat(50_000), /far too many values/],
])('%s is refused with one problem and gives no value', (_, text, summary) => {
  const { value, problems } = parse(text)
  expect(problems.map((problem) => problem.summary)).toEqual([expect.stringMatching(summary)])
  expect(Object.keys(value.value as object)).toEqual([])
  expect(value.places.size).toBe(1)
})

test('what people write in 256 KiB is not refused', () => {
  const forward = (at: number) =>
    `  f${at}:\n    via: h\n    local: ${10_000 + at}\n    to: localhost:5432\n    allow_from: [10.0.0.0/8]\n`
  const text = `forwards:\n${Array.from({ length: 2800 }, (_, at) => forward(at)).join('')}`
  expect(text.length).toBeGreaterThan(240_000)
  const { value, problems } = parse(text)
  expect(problems).toEqual([])
  expect(Object.keys((value.value as { forwards: object }).forwards)).toHaveLength(2800)
})

test('a thousand duplicates are fifty problems and a count', () => {
  const { problems } = parse('a: 1\n'.repeat(1001))
  expect(problems).toHaveLength(50)
  expect(problems.at(-1)?.detail).toContain('950 more')
})

test('what formatYaml writes, parseDocument reads', () => {
  const value = { a: '012', b: [true, 'yes', null, 9000], c: { 'd e': '*:9000', f: '[::1]:80', g: 'x\ny' } }
  expect(plain(formatYaml(value))).toEqual(value)
})

const fragment = fc.constantFrom(
  ...[
    'hosts:',
    'a',
    ': ',
    '\n',
    '\n  ',
    '\n    ',
    '- ',
    '*',
    '*:90',
    '&a ',
    '*a',
    '[',
    ']',
    '{',
    '}',
    ', ',
    '"',
    "'",
  ],
  ...[
    '\t',
    '# c',
    '!x ',
    '|\n',
    '<<: ',
    '${A}',
    '::1',
    '@',
    '%',
    '80',
    '---\n',
    '\r\n',
    '𝒳',
    '\ufeff',
    '? ',
    '\\',
  ],
)

test('whatever a file holds: no exception, and every problem stands inside the file', () => {
  const text = fc.array(fragment, { maxLength: 40 }).map((parts) => parts.join(''))
  fc.assert(
    fc.property(text, (written) => {
      const { value, problems } = parse(written)
      const lines = written.split('\n')
      expect('valueOf' in (value.value as object)).toBe(false)
      for (const { at, span = 1 } of problems) {
        expect(at!.line).toBeLessThanOrEqual(lines.length)
        expect(at!.column + span).toBeLessThanOrEqual([...lines[at!.line - 1]!].length + 2)
      }
    }),
    { numRuns: 2000 },
  )
})
