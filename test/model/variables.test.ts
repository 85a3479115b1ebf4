// What programs are told of where a forward listens.

import { expect, test } from 'vitest'
import { parseListen } from '../../src/config/listen.ts'
import { formatSocketAddress, parseShownAddress } from '../../src/model/address.ts'
import { fixedAddress, prefixOf, variablesOf } from '../../src/model/variables.ts'

const spec = { name: 'my-db', kind: 'local' as const, env: {} }

test('a prefix is the name in capitals, and the beginning of a variable', () => {
  expect(prefixOf(spec)).toBe('MY_DB')
  expect(prefixOf({ ...spec, name: '9x.y' })).toBe('_9X_Y')
  expect(prefixOf({ ...spec, envPrefix: 'db' })).toBe('db')
  expect(prefixOf({ ...spec, kind: 'remote' })).toBeNull()
  expect(prefixOf({ ...spec, kind: 'remote', envPrefix: 'HOOK' })).toBe('HOOK')
})

test.each([
  ['9000', '127.0.0.1:9000'],
  ['localhost:9000', '127.0.0.1:9000'],
  ['*:9000', '127.0.0.1:9000'],
  [':9000', '127.0.0.1:9000'],
  ['0.0.0.0:9000', '127.0.0.1:9000'],
  ['[::]:9000', '127.0.0.1:9000'],
  ['[::1]:9000', '[::1]:9000'],
  ['10.0.0.7:9000', '10.0.0.7:9000'],
  ['/run/a.sock', '/run/a.sock'],
  ['auto', null],
])('who listens on %s is dialled at %s', (text, expected) => {
  const listen = parseListen(text, 'here', { folder: '/', home: '/' })
  const address = listen.ok ? fixedAddress(listen.value) : null
  expect(address && formatSocketAddress(address)).toBe(expected)
  if (address) expect(parseShownAddress(formatSocketAddress(address))).toEqual(address)
})

test('templates are filled, and other braces left alone', () => {
  const env = {
    URL: 'pg://app@{host}:{port}/shop',
    PAGE: 'http://{host}/',
    HOST: '{host}',
    JSON: '{"a": {port}, "b": {x}}',
    MY_DB_PORT: 'tcp:{port}',
  }
  const tcp = (host: string) => variablesOf({ ...spec, env }, { kind: 'tcp', host, port: 9000 })
  expect(tcp('127.0.0.1')).toEqual({
    MY_DB_HOST: '127.0.0.1',
    MY_DB_PORT: 'tcp:9000',
    URL: 'pg://app@127.0.0.1:9000/shop',
    PAGE: 'http://127.0.0.1/',
    HOST: '127.0.0.1',
    JSON: '{"a": 9000, "b": {x}}',
  })
  expect(tcp('::1')).toMatchObject({
    MY_DB_HOST: '::1',
    URL: 'pg://app@[::1]:9000/shop',
    PAGE: 'http://[::1]/',
    HOST: '::1',
  })
  const unix = { kind: 'unix', path: '/run/{port}.sock' } as const
  expect(variablesOf({ ...spec, env: { D: 'unix://{path}' } }, unix)).toEqual({
    MY_DB_SOCKET: '/run/{port}.sock',
    D: 'unix:///run/{port}.sock',
  })
})
