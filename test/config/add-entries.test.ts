// Entries go into a file's text and nothing else of it changes: comments, order, anchors, blank lines, line ends.

import { describe, expect, test } from 'vitest'
import { addEntries } from '../../src/config/add-entries.ts'
import { parseDocument } from '../../src/config/document.ts'
import type { PlainMap } from '../../src/config/tree.ts'

const entries = {
  hosts: { box: { user: 'me', identity_file: ['~/.ssh/a', 'b c'] } },
  forwards: { new: '-L 8080:h:80 box', long: { via: 'box', local: '/tmp/$$x: #y', to: 80 } },
}
const forwardsAlone = { hosts: {}, forwards: { new: '-L 8080:h:80 box' } }

function read(text: string): PlainMap {
  const { value, problems } = parseDocument({ path: '/f', text })
  expect(problems, text).toEqual([])
  return JSON.parse(JSON.stringify(value.value)) as PlainMap
}

/** What was there is there in its order, each line as it was, but for one that has got something put into it. */
function expectOnlyAdded(before: string, after: string): void {
  let at = 0
  for (const character of before) {
    at = after.indexOf(character, at)
    expect(at, `${JSON.stringify(character)} is gone from\n${after}`).toBeGreaterThanOrEqual(0)
    at++
  }
}

const FILES: Record<string, string> = {
  nothing: '',
  'comments alone': '# top\n\n# more\n',
  'a section without anything': 'forwards:   # open\n  # web: -L 1:b:2 c\n\nname: x\n',
  'an empty map': 'forwards: {}  # none\n',
  'one line of YAML in braces':
    'forwards: { a: { via: b, local: 1, to: 2 }, } # c\nhosts: &h { b: { user: x } }\n',
  'other indentation, anchors, aliases, merge keys':
    'x-base: &base { drain: 1m }\nhosts:\n    b: &b\n        user: me   # mine\n    c: *b\n    d:\n        <<: *b\n\n\nforwards:\n\n    "a":   "-L 1:h:2 b"   # aligned\n    e:\n        <<: *base\n        via: c\n        local: 3\n        to: 4\n    # the end\n\n# and last words\n',
  'a block of text at the end':
    'forwards:\n  a:\n    via: b\n    local: 1\n    to: 2\n    description: |+\n      one\n\n      two\n\n',
  'CRLF and no last line end': 'hosts:\r\n  b:\r\nforwards:\r\n  a: -L 1:h:2 b # c',
  'a document with its marks': '---\nforwards:\n  a: >-\n    -L 1:h:2\n    b\n...\n',
  'a map that is indented': '  forwards:\n    a: -D 1 b\n',
  'a section between others':
    'forwards:\n  a: -D 1 b\n\n# profiles\nx-y: [1,\n  2]\nhosts:\n  b: { port: 1 }\n',
}

describe.each(Object.entries(FILES))('%s', (_, before) => {
  test.each([
    ['hosts and forwards', entries],
    ['forwards', forwardsAlone],
  ])('gets %s', (_name, added) => {
    const after = addEntries(before, added)!
    const was = read(before)
    const is = read(after)
    expectOnlyAdded(before, after)
    expect(is.forwards).toEqual({ ...(was.forwards as PlainMap), ...added.forwards })
    expect(is.hosts ?? {}).toEqual({ ...(was.hosts as PlainMap), ...added.hosts })
    expect(after.includes('\r\n')).toBe(before.includes('\r\n'))
    if (before.includes('\r\n')) expect(after.replaceAll('\r\n', '')).not.toContain('\n')
  })
})

test('it goes below its neighbours, as they are indented, before the comments that end the section', () => {
  expect(addEntries('forwards:\n    a: -D 1 b # c\n    # d\n\nname: x\n', forwardsAlone)).toBe(
    'forwards:\n    a: -D 1 b # c\n    new: -L 8080:h:80 box\n    # d\n\nname: x\n',
  )
})

test('a file of five hundred lines keeps each of them, byte for byte', () => {
  const lines = Array.from({ length: 120 }, (_, index) =>
    [
      `  # ${index}: ${'why '.repeat(index % 7)}`,
      `  f${index}: ${index % 3 ? '&a' : '&b'}${index}   "-L ${index + 1}:h:80 b"    # kept`,
      ...(index % 5 ? [] : ['', '']),
      ...(index % 4 ? [] : [`  g${index}: {  via:  b,dynamic: ${2000 + index}  }`]),
    ].join('\n'),
  )
  const before = `# yaml-language-server: $schema=x\nname: big\n\nforwards:\n${lines.join('\n')}\n\n\nhosts:\n  b:\n      user:   me   # who\n`
  expect(before.split('\n').length).toBeGreaterThan(300)
  const after = addEntries(before, entries)!
  const added = after.split('\n').filter((line) => !before.split('\n').includes(line))
  expect(added.length).toBeLessThan(12)
  const kept = after.split('\n').filter((line) => !added.includes(line))
  expect(kept.join('\n')).toBe(before)
})

test('where it cannot be added without touching the rest, it is not', () => {
  for (const text of ['x-f: &f { a: -D 1 b }\nforwards: *f\n', '{ forwards: {} }\n', 'forwards: []\n'])
    expect(addEntries(text, forwardsAlone), text).toBeNull()
})
