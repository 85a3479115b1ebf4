import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readDestination } from '../../src/config/destination.ts'
import { parseDuration } from '../../src/config/duration.ts'
import { schemaKeys } from '../../src/config/generated/validate-schema.js'
import { hostOptions } from '../../src/config/host.ts'
import { parseHostname } from '../../src/config/hostname.ts'
import { parseListen } from '../../src/config/listen.ts'
import { parsePort } from '../../src/config/port.ts'
import { parseAlgorithms, parseBoolean, parseCount, parseVariableName } from '../../src/config/scalars.ts'
import { parseTarget } from '../../src/config/target.ts'
import { briefly, load } from './loading.ts'

interface Node {
  description?: string
  examples?: unknown[]
  properties?: Record<string, Node>
  definitions?: Record<string, Node>
}

const schema = JSON.parse(
  readFileSync(new URL('../../schema/tunnels.schema.json', import.meta.url), 'utf8'),
) as Node
const ajv = new Ajv({ strict: true, allowUnionTypes: true }).addSchema(schema, 'tunnels')

function keysOf(node: Node, path: string): [string, string, Node][] {
  return Object.entries(node.properties ?? {}).flatMap(([key, child]) => {
    const pointer = `${path}/properties/${key}`
    return [[key, pointer, child] as [string, string, Node], ...keysOf(child, pointer)]
  })
}

const keys = [
  ...keysOf(schema, '#'),
  ...['host', 'forward'].flatMap((name) => keysOf(schema.definitions![name]!, `#/definitions/${name}`)),
]

test.each(keys)('%s (%s) is explained, and its examples are right', (_key, pointer, node) => {
  expect(node.description).toMatch(/^.{10,}\.$/s)
  expect(node.examples?.length).toBeGreaterThan(0)
  const validate = ajv.getSchema(`tunnels${pointer}`)!
  for (const example of node.examples!) expect([example, validate(example)]).toEqual([example, true])
})

test('every key of the language page is a key of the schema, and no other', () => {
  expect(schemaKeys.host).toEqual([...Object.values(hostOptions).map(({ key }) => key), 'reconnect'])
  expect(schemaKeys.forward).toEqual(
    `via local remote dynamic to allow_from allow_to auth socket drain idle_timeout max_connections healthcheck http
     gateway profiles env_prefix env description`.split(/\s+/),
  )
  expect(schemaKeys['']).toEqual(['name', 'defaults', 'hosts', 'forwards'])
})

test('an editor has nothing against variables, digits in quotes, yes and no', () => {
  const validate = ajv.getSchema('tunnels')!
  const file = {
    name: '${NAME:-shop}',
    hosts: {
      a: {
        hostname: '${H}',
        port: '${P}',
        user: '$U',
        compression: 'yes',
        identities_only: '${X}',
        connect_timeout: '$T',
      },
      b: { port: '22', strict_host_key_checking: '${S:-ask}', reconnect: { attempts: '$N', max: '30' } },
      c: '${WHERE}',
      d: null,
      'x-note': [1, { anything: true }],
    },
    forwards: {
      a: {
        via: '${V}',
        local: '${P}',
        to: '${T}',
        drain: '$D',
        max_connections: '${M}',
        socket: { mode: '$M' },
      },
      b: '-L ${P}:h:80 acme',
      c: { via: 'acme', remote: '7000', to: '3000', max_connections: '5' },
    },
    'x-anchors': { some: 'thing' },
  }
  expect([validate(file), validate.errors]).toEqual([true, null])
})

test.each([
  ['forwards: { a: { via: acme, local: 1025, to: 80, drian: 1 } }', 'Did you mean drain?'],
  ['hosts: { a: { IdentityFile: x } }', 'Did you mean identity_file?'],
  [
    'forwards: { a: { via: acme, local: 1025, to: 80, user: me } }',
    'user is an option of a host: write it under hosts',
  ],
  ['hosts: { a: { local: 80 } }', 'local is a key of a forward'],
  ['hosts: { a: { password: x } }', 'Secrets have no place in this file: see password_env'],
  ['forward: {}', 'Did you mean forwards?'],
  ['defaults: { host: {} }', 'Did you mean hosts?'],
  ['hosts: { a: { reconnect: { maximum: 1 } } }', 'Known here: initial, max or attempts'],
])('%s: %s', async (text, hint) => {
  const { problems } = await load(text)
  const [problem] = problems.filter(({ code }) => code === 'CONFIG_UNKNOWN_KEY')
  expect(problem?.hint).toBe(hint)
})

test.each([
  ['hosts: [a]', '1:8 CONFIG_SCHEMA hosts', 'hosts must be a map, not a list'],
  [
    'forwards: { a: 5 }',
    '1:16 CONFIG_SCHEMA forwards.a',
    'forwards.a must be a short form such as "-L 8080:host:80 acme" or a map, not a number',
  ],
  [
    'forwards: { a: }',
    '1:13 CONFIG_SCHEMA forwards.a',
    'forwards.a has no value: it must be a short form such as "-L 8080:host:80 acme" or a map',
  ],
  [
    'defaults: { hosts: acme }',
    '1:20 CONFIG_SCHEMA defaults.hosts',
    'defaults.hosts must be a map, not a text',
  ],
  ['hosts: { -a: {} }', '1:10 CONFIG_SCHEMA hosts.-a', 'hosts.-a is no good name'],
  ['name: [a]', '1:7 CONFIG_SCHEMA name', 'name must be a text, not a list'],
  ['name: Shop', '1:7 CONFIG_SCHEMA name', 'name must be small letters'],
])('%s is one sentence: %s', async (text, brief, sentence) => {
  const { problems } = await load(text)
  const errors = problems.filter(({ severity }) => !severity)
  expect(errors.map(({ summary }) => summary)).toEqual([expect.stringContaining(sentence)])
  expect(await briefly(text)).toContain(brief)
})

test.each([
  'port: true',
  'port: [22]',
  'port: 22.5',
  'port: 0',
  'user: 5',
  'user: ""',
  'compression: maybe',
  'host_keys: SHA256:x',
  'host_keys: []',
  'identity_file: []',
  'identity_file: [1]',
  'ciphers: "a b"',
  'proxy_jump: []',
  'connect: sometimes',
  'connect_timeout: -1',
  'server_alive_count_max: many',
  'reconnect: 5',
  'reconnect: { attempts: 0 }',
  'address_family: ipv4',
  'bind_address: "a b"',
  'identity_agent: ""',
])('hosts.acme with %s is exactly one problem, at its place', async (line) => {
  const { problems } = await load(`hosts:\n  acme:\n    ${line}\nforwards: { a: -D 1080 acme }\n`)
  expect(problems.map(({ at }) => at?.line)).toEqual([3])
  for (const { summary } of problems) expect(summary).not.toMatch(/oneOf|anyOf|pattern|schema/)
})

/** What a reader accepts and the schema does not would be a false alarm in an editor, and in the loader. */
test('whatever the loader can read, the schema lets pass', () => {
  const base = { folder: '/project', home: '/home/me' }
  const readers: Record<string, (text: string) => { ok: boolean }> = {
    boolean: parseBoolean,
    count: parseCount(0),
    duration: parseDuration,
    port: parsePort,
    hostname: parseHostname,
    destination: readDestination,
    environmentVariable: parseVariableName,
    algorithms: parseAlgorithms,
    listen: (text) => parseListen(text, 'here', base),
    target: (text) => parseTarget(text, 'there', base),
  }
  const pieces = fc.constantFrom(
    ...'0 1 9 80 08 65535 65536 a acme A _ - . : @ / ~ [ ] ::1 [::1] * + ^ , % % 5s 1m 2h 3ms 4d auto socks localhost'.split(
      ' ',
    ),
    ...'true yes NO Yes fAlse ssh:// 127.0.0.1 \\ ! ? = # é'.split(' '),
    ' ',
    '\n',
  )
  const texts = fc.oneof(
    fc.array(pieces, { maxLength: 5 }).map((list) => list.join('')),
    fc.string({ unit: 'binary', maxLength: 6 }),
  )
  fc.assert(
    fc.property(texts, fc.constantFrom(...Object.keys(readers)), (text, definition) => {
      const isRead = readers[definition]!(text).ok
      if (isRead)
        expect([text, ajv.getSchema(`tunnels#/definitions/${definition}`)!(text)]).toEqual([text, true])
    }),
    { numRuns: 20_000 },
  )
})

test('names that JavaScript knows are names like others', async () => {
  const text =
    'hosts: { constructor: , toString: { port: 22 } }\nforwards: { hasOwnProperty: -D 1080 constructor, valueOf: -D 1081 toString }\n'
  const { project, problems } = await load(text)
  expect(problems).toEqual([])
  expect([...project!.hosts.keys()]).toEqual(['constructor', 'toString'])
  expect((await load('forwards: { __proto__: -D 1080 acme }')).project).toBeNull()
  expect(await briefly('forwards:\n  a: -D 1080 ${constructor}\n')).toEqual([
    '2:14 CONFIG_VARIABLE forwards.a.via',
  ])
})
