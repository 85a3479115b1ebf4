// Later files win by key; null takes away; every value keeps the place of the file it came from.

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDocument } from '../../src/config/document.ts'
import { mergeTrees } from '../../src/config/merge.ts'
import type { Plain, Tree } from '../../src/config/tree.ts'
import { formatYaml } from '../../src/config/yaml.ts'

const tree = (text: string, path = '/p/tunnels.yaml'): Tree => parseDocument({ path, text }).value
const merge = (...texts: string[]) => mergeTrees(texts.map((text, at) => tree(text, `/p/${at}.yaml`)))
const merged = (...texts: string[]) => structuredClone(merge(...texts).value)

test.each<[string[], unknown]>([
  [['a: 1'], { a: 1 }],
  [['a: 1', 'a: 2', 'a: 3'], { a: 3 }],
  [['a: { b: 1, c: 2 }', 'a: { c: 3, d: 4 }'], { a: { b: 1, c: 3, d: 4 } }],
  [['a: [1, 2]', 'a: [3]'], { a: [3] }],
  [['a: { b: 1 }', 'a: text'], { a: 'text' }],
  [['a: text', 'a: { b: 1 }'], { a: { b: 1 } }],
  [['a: { b: 1 }', 'a: { b: ~ }'], { a: {} }],
  [['a: { b: 1, c: 2 }', 'a: ~'], {}],
  [['a: 1', 'b: ~'], { a: 1 }],
  [['a: 1', 'b: { c: ~, d: 1 }'], { a: 1, b: { d: 1 } }],
  [['a: { b: 1 }', 'a: ~', 'a: { c: 2 }'], { a: { c: 2 } }],
  [['', 'a: 1', ''], { a: 1 }],
  // a first file's null is for the schema to judge, but for empty sections and declared hosts
  [['forwards: { web: { to: } }'], { forwards: { web: { to: null } } }],
  [['forwards:\nhosts:\ndefaults: { hosts: }'], { defaults: {} }],
  [['hosts: { acme: }'], { hosts: { acme: {} } }],
  [['hosts: { a: {} }', 'hosts: { b: }'], { hosts: { a: {}, b: {} } }],
  [['hosts: { a: { user: x } }', 'hosts: { a: }'], { hosts: {} }],
  [['', 'hosts: { acme: }'], { hosts: { acme: {} } }],
  [['x: { __proto__: { a: 1 } }', 'x: { __proto__: { b: 2 } }'], { x: { ['__proto__']: { a: 1, b: 2 } } }],
])('%j is %j', (texts, value) => {
  expect(merged(...texts)).toEqual(value)
})

test('a place names the file that won, and a removed value has none', () => {
  const { places } = merge(
    'a: { b: 1, c: [1, 2], e: { f: 1 } }\nh: { i: 1 }',
    'a: { c: [3], d: 4, e: ~ }\nh: text',
  )
  const files = [...places].map(([path, { value }]) => `${path} ${value.file.slice(3, 4)}`)
  expect(files.toSorted()).toEqual([' 0', '/a 0', '/a/b 0', '/a/c 1', '/a/c/0 1', '/a/d 1', '/h 1'])
})

test('a host declared without content has its place', () => {
  expect(merge('', 'hosts:\n  acme:\n').places.get('/hosts/acme')?.key).toEqual({
    file: '/p/1.yaml',
    line: 2,
    column: 3,
  })
})

test('the trees that go in are left as they are', () => {
  const below = tree('a: { b: 1 }')
  const before = structuredClone(below)
  mergeTrees([below, tree('a: { b: ~, c: 2 }')])
  expect(structuredClone(below)).toEqual(before)
})

/** A key is a map in all files or in none: where a text comes between two maps, the first one is gone. */
const leaf = fc.constantFrom<Plain>(1, 'two', true, ['list'], [{ in: 'list' }], 9000)
const { map } = fc.letrec<{ map: Plain }>((tie) => ({
  map: fc.record(
    {
      a: leaf,
      b: leaf,
      'x/y~z': leaf,
      m: fc.oneof({ maxDepth: 4 }, fc.constant({}), tie('map')),
      n: fc.oneof({ maxDepth: 4 }, fc.constant({}), tie('map')),
    },
    { requiredKeys: [] },
  ) as fc.Arbitrary<Plain>,
}))

const asTree = (value: Plain, file: string) => tree(formatYaml(value), file)
const comparable = ({ value, places }: Tree) => ({
  value: structuredClone(value),
  places: new Map([...places].sort()),
})

test('merging maps is associative: values, and the places that they keep', () => {
  fc.assert(
    fc.property(map, map, map, (one, two, three) => {
      const [a, b, c] = [asTree(one, '/a'), asTree(two, '/b'), asTree(three, '/c')]
      const left = mergeTrees([mergeTrees([a, b]), c])
      expect(comparable(mergeTrees([a, mergeTrees([b, c])]))).toEqual(comparable(left))
      expect(comparable(mergeTrees([a, b, c]))).toEqual(comparable(left))
    }),
  )
})

test('after any merge, exactly the values that are there have places', () => {
  const paths = (value: Plain, path = ''): string[] =>
    typeof value === 'object' && value !== null
      ? [
          path,
          ...Object.entries(value).flatMap(([name, child]) =>
            paths(child, `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`),
          ),
        ]
      : [path]
  const holed = map.chain((value) =>
    fc.boolean().map((isHoled) => (isHoled && typeof value === 'object' ? { ...value, a: null } : value)),
  )
  fc.assert(
    fc.property(fc.array(holed as fc.Arbitrary<Plain>, { minLength: 1, maxLength: 4 }), (values) => {
      const { value, places } = mergeTrees(values.map((one, at) => asTree(one, `/${at}`)))
      expect([...places.keys()].sort()).toEqual(paths(value).sort())
    }),
  )
})
