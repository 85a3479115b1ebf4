// Texts to values: what each form means, and that what means nothing is refused.

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDestination, parseDestination } from '../../src/config/destination.ts'
import { formatDuration, parseDuration } from '../../src/config/duration.ts'
import { parseHostKey } from '../../src/config/host-keys.ts'
import { parseHostKeyAlias, parseHostname, parseUser } from '../../src/config/hostname.ts'
import { parseListen } from '../../src/config/listen.ts'
import { parseFile } from '../../src/config/local-path.ts'
import type { Parsed } from '../../src/config/parsed.ts'
import { parseProxyJump } from '../../src/config/proxy-jump.ts'
import { parseBoolean } from '../../src/config/scalars.ts'
import { formatMode, parseMode } from '../../src/config/socket-mode.ts'
import { suggest } from '../../src/config/suggest.ts'
import { parseTarget } from '../../src/config/target.ts'
import { formatListenSpec, formatTarget } from '../../src/model/address.ts'

const base = { folder: '/project', home: '/home/me' }

function meaningOf<T>(result: Parsed<T>): T | 'refused' {
  return result.ok ? result.value : 'refused'
}

describe('durations', () => {
  test.each([
    [0, 0],
    ['0', 0],
    [15, 15_000],
    ['15', 15_000],
    ['500ms', 500],
    ['15s', 15_000],
    ['1m30s', 90_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['90m', 5_400_000],
  ])('%s', (text, ms) => {
    expect(meaningOf(parseDuration(text))).toBe(ms)
  })

  test.each(['', '15 s', '1.5s', '-1', -1, 1.5, 's', '30s1m', '015', '5e3', '1y', 'never', '25d', true])(
    '%s is refused',
    (text) => {
      expect(meaningOf(parseDuration(text))).toBe('refused')
    },
  )

  test('are written as they are read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (ms) => {
        expect(meaningOf(parseDuration(formatDuration(ms)))).toBe(ms)
      }),
    )
    expect(formatDuration(90_000)).toBe('1m30s')
  })
})

describe('listen addresses', () => {
  test.each([
    [9000, 'loopback', 9000],
    ['9000', 'loopback', 9000],
    ['localhost:9000', 'loopback', 9000],
    ['127.0.0.1:9000', { address: '127.0.0.1' }, 9000],
    ['[::1]:9000', { address: '::1' }, 9000],
    ['[fe80::1%eth0]:9000', { address: 'fe80::1%eth0' }, 9000],
    ['*:9000', 'any', 9000],
    [':9000', 'any', 9000],
    ['0.0.0.0:9000', { address: '0.0.0.0' }, 9000],
    ['auto', 'loopback', 'auto'],
    [0, 'loopback', 'auto'],
    ['0', 'loopback', 'auto'],
    ['*:auto', 'any', 'auto'],
  ])('%s', (text, bind, port) => {
    expect(meaningOf(parseListen(text, 'here', base))).toEqual({ kind: 'tcp', bind, port })
  })

  test('a name to listen on is for the host alone', () => {
    expect(meaningOf(parseListen('db.internal:9000', 'here', base))).toBe('refused')
    expect(meaningOf(parseListen('db.internal:9000', 'there', base))).toEqual({
      kind: 'tcp',
      bind: { address: 'db.internal' },
      port: 9000,
    })
  })

  test.each([
    ['./run/a.sock', '/project/run/a.sock'],
    ['~/a.sock', '/home/me/a.sock'],
    ['/run/a:b.sock', '/run/a:b.sock'],
  ])('%s is a Unix socket here', (text, path) => {
    expect(meaningOf(parseListen(text, 'here', base))).toEqual({ kind: 'unix', path })
  })

  test.each(['./a.sock', '~/a.sock', 'run/a.sock', '/run/'])('%s is no path on the far side', (text) => {
    expect(meaningOf(parseListen(text, 'there', base))).toBe('refused')
  })

  test('a path is measured after it is expanded, in bytes', () => {
    const exact = `/${'a'.repeat(106)}`
    expect(meaningOf(parseListen(exact, 'there', base))).toEqual({ kind: 'unix', path: exact })
    expect(meaningOf(parseListen(`${exact}a`, 'there', base))).toBe('refused')
    expect(meaningOf(parseListen(`/${'ä'.repeat(54)}`, 'there', base))).toBe('refused')
    expect(meaningOf(parseListen(`./${'a'.repeat(100)}`, 'here', base))).toBe('refused')
  })

  test.each([
    '080',
    '5e3',
    '65536',
    '99999',
    -1,
    1.5,
    '',
    ' 9000',
    '90 00',
    '::1',
    '::1:9000',
    '[::1]',
    '[::1:9000',
    '[127.0.0.1]:80',
    '1.2.3.4.5:80',
    '256.1.1.1:80',
    'a b:80',
    '-x:80',
    '$(id):80',
    'socks',
    'http',
    '127.0.0.1:',
    '127.0.0.1:080',
    'a;b:80',
    '\u0000:80',
    true,
  ])('%s is refused', (text) => {
    expect(meaningOf(parseListen(text, 'here', base))).toBe('refused')
  })
})

describe('targets', () => {
  test.each([
    ['localhost:5432', 'localhost:5432'],
    ['zaiste.net:80', 'zaiste.net:80'],
    ['bücher.example:80', 'bücher.example:80'],
    ['my_db:80', 'my_db:80'],
    [5432, 'localhost:5432'],
    ['5432', 'localhost:5432'],
    ['[2001:db8::1]:443', '[2001:db8::1]:443'],
    ['/var/run/docker.sock', '/var/run/docker.sock'],
    ['socks', 'socks'],
  ])('%s', (text, shown) => {
    const target = parseTarget(text, 'there', base)
    expect(target.ok && formatTarget(target.value)).toBe(shown)
  })

  test('a relative path belongs to this machine', () => {
    expect(meaningOf(parseTarget('./a.sock', 'here', base))).toEqual({
      kind: 'unix',
      path: '/project/a.sock',
    })
    expect(meaningOf(parseTarget('./a.sock', 'there', base))).toBe('refused')
  })

  test.each([
    'localhost',
    'localhost:',
    ':80',
    'host:0',
    0,
    'host:65536',
    'host:080',
    'host:http',
    '*:80',
    '2001:db8::1:443',
    '2001:db8::1',
    'http://host:80',
    'h h:80',
    '-h:80',
    'h;id:80',
    '`id`:80',
    "h'x:80",
    'h\n:80',
    '$X:80',
    '',
  ])('%s is refused', (text) => {
    expect(meaningOf(parseTarget(text, 'there', base))).toBe('refused')
  })
})

describe('destinations', () => {
  test.each([
    ['acme', { hostname: 'acme' }],
    ['me@acme', { user: 'me', hostname: 'acme' }],
    ['me@acme:2222', { user: 'me', hostname: 'acme', port: 2222 }],
    ['me@corp.com@acme', { user: 'me@corp.com', hostname: 'acme' }],
    ['CORP\\me@acme', { user: 'CORP\\me', hostname: 'acme' }],
    ['[::1]:22', { hostname: '::1', port: 22 }],
    ['me@[2001:db8::7]', { user: 'me', hostname: '2001:db8::7' }],
    ['2001:db8::7', { hostname: '2001:db8::7' }],
    ['ssh://me@acme:22', { user: 'me', hostname: 'acme', port: 22 }],
    ['ssh://[::1]:22/', { hostname: '::1', port: 22 }],
  ])('%s', (text, destination) => {
    expect(parseDestination(text)).toEqual(destination)
    expect(parseDestination(formatDestination(destination))).toEqual(destination)
  })

  test.each([
    '',
    '@acme',
    'me@',
    '-oProxyCommand=id',
    'me@-x',
    '-x@acme',
    'a b',
    'acme:',
    'acme:0',
    'acme:99999',
    'acme:ssh',
    'acme;id',
    'acme|id',
    'a$(id)',
    'a`id`',
    'me;id@acme',
    'a&b',
    'a<b',
    'a\nb',
    'a\tb',
    "a'b",
    'a"b',
    'ssh://acme/x',
    'http://acme',
    '[acme]x',
    'me\\@acme',
  ])('%s is refused', (text) => {
    expect(parseDestination(text)).toBeNull()
  })

  test('whatever is accepted holds nothing that a shell or ssh would take for something else', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 12 }), (text) => {
        for (const result of [parseHostname(text), parseUser(text)]) {
          if (result.ok) expect(result.value).not.toMatch(/^-|[\s'"`$;&<>|(){}*?]|\p{Cc}/u)
        }
      }),
      { numRuns: 2000 },
    )
  })
})

test('a jump is one host, several, or none', () => {
  expect(meaningOf(parseProxyJump('none'))).toEqual([])
  expect(meaningOf(parseProxyJump('bastion'))).toEqual(['bastion'])
  expect(meaningOf(parseProxyJump('a, me@b:22'))).toEqual(['a', 'me@b:22'])
  expect(meaningOf(parseProxyJump(['ssh://a', 'b']))).toEqual(['a', 'b'])
  expect(parseProxyJump(['a', '-b'])).toMatchObject({ ok: false, item: 1 })
})

test.each([
  ['SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8', true],
  ['ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS acme', true],
  ['ssh-rsa AAAAC3NzaC1lZDI1NTE5AAAAIGPKSUTyz1HwHReFVvD5obVsALAgJRNarH4TRpNePnAS', false],
  ['SHA256:short', false],
  ['MD5:16:27:ac:a5:76:28:2d:36:63:1b:56:4d:eb:df:a6:48', false],
  ['acme ssh-ed25519 AAAA', false],
])('the host key %s: %s', (text, isGood) => {
  expect(parseHostKey(text).ok).toBe(isGood)
})

test('modes are octal, quoted or not', () => {
  expect(['0600', 600, '0o660', '7', 777].map((mode) => meaningOf(parseMode(mode)))).toEqual([
    0o600, 0o600, 0o660, 0o7, 0o777,
  ])
  expect(['0888', 1777, 'rw', -1, '', 6.5].map((mode) => meaningOf(parseMode(mode)))).toEqual(
    Array(6).fill('refused'),
  )
  expect(formatMode(0o60)).toBe('0060')
})

test('yes and true are one word', () => {
  expect([true, 'true', 'yes', 'YES', 'True'].map((word) => meaningOf(parseBoolean(word)))).toEqual(
    Array(5).fill(true),
  )
  expect([false, 'false', 'no'].map((word) => meaningOf(parseBoolean(word)))).toEqual(Array(3).fill(false))
  expect(['on', '', 1, 'y'].map((word) => meaningOf(parseBoolean(word)))).toEqual(Array(4).fill('refused'))
})

test('paths start at the folder of the file or at home', () => {
  expect(
    ['a', './a', '~/a', '~', '/a/../b', '%d/a', '50%%'].map((path) => meaningOf(parseFile(path, base))),
  ).toEqual(['/project/a', '/project/a', '/home/me/a', '/home/me', '/b', '/home/me/a', '/project/50%'])
  expect(['', '~other/a', '%h/a', 'a\u0007'].map((path) => meaningOf(parseFile(path, base)))).toEqual(
    Array(4).fill('refused'),
  )
})

test.each([
  ['hostnam', ['hostname', 'host_keys'], 'hostname'],
  ['IdentityFile', ['identity_file', 'user'], 'identity_file'],
  ['proxyjump', ['proxy_jump'], 'proxy_jump'],
  ['bastoin', ['bastion'], 'bastion'],
  ['acme', ['acne', 'amce', 'acm'], 'acne'],
  ['web', ['db', 'qa'], undefined],
  ['qa', ['db'], undefined],
  ['prod', ['staging'], undefined],
])('for %s among %j: %s', (word, candidates, expected) => {
  expect(suggest(word, candidates)).toBe(expected)
})

test('a listen address is shown as it can be written', () => {
  for (const text of ['9000', '*:9000', '10.0.0.1:9000', '[::1]:9000', '/run/x.sock', 'auto']) {
    const listen = parseListen(text, 'here', base)
    expect(listen.ok && formatListenSpec(listen.value)).toBe(text)
  }
})

describe('host_key_alias is any name that a line of known_hosts can have', () => {
  test.each([
    '[127.0.0.1]:41022',
    'acme-cluster',
    '[::1]:22',
    'team@prod/eu',
    '10.0.0.1:2222',
    'a|b',
    "it's",
  ])('%s', (alias) => expect(meaningOf(parseHostKeyAlias(alias))).toBe(alias))

  // A pattern would be written down for every host that it matches.
  test.each(['', '-o', 'a b', 'a\tb', 'a\u0007', '*', 'a*', 'a?', '!a', 'a,b', '|1|x', '#a', '@revoked'])(
    'but not %j',
    (alias) => expect(meaningOf(parseHostKeyAlias(alias))).toBe('refused'),
  )
})
