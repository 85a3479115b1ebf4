import { describe, expect, it } from 'vitest'
import { checkAllowFrom, parseAllowFrom } from '../../src/forward/allow-from.ts'
import { checkAllowTo, parseAllowTo } from '../../src/forward/allow-to.ts'
import { ProblemError } from '../../src/model/problem.ts'

describe('allow_from', () => {
  it.each([
    ['7.7.7.7', '7.7.7.7', true],
    ['7.7.7.7', '7.7.7.8', false],
    ['7.7.7.7', '::ffff:7.7.7.7', true],
    ['::ffff:7.7.7.7', '7.7.7.7', true],
    ['::ffff:10.0.0.0/104', '10.200.0.1', true],
    ['::ffff:10.0.0.0/104', '11.0.0.1', false],
    ['10.0.0.0/8', '10.1.2.3', true],
    ['10.0.0.0/8', '11.1.2.3', false],
    ['0.0.0.0/0', '127.0.0.1', true],
    ['0.0.0.0/0', '::1', false],
    ['::/0', '2001:db8::1', true],
    ['::/0', '127.0.0.1', false],
    ['2001:db8::/32', '2001:0DB8:0:0::7', true],
    ['fe80::/10', 'fe80::1%eth0', true],
    ['10.0.0.0/8', '127.0.0.1', false],
    ['10.0.0.0/8', 'localhost', false],
    ['10.0.0.0/8', '', false],
  ])('%s: a connection from %s is taken: %s', (entry, address, expected) => {
    expect(parseAllowFrom([entry])(address)).toBe(expected)
  })

  it('takes nobody when the list is empty, and nobody whose address is unknown', () => {
    expect(parseAllowFrom([])('127.0.0.1')).toBe(false)
    expect(parseAllowFrom(['0.0.0.0/0', '::/0'])(null)).toBe(false)
  })

  it('takes whoever one of several entries names', () => {
    const allows = parseAllowFrom(['192.168.0.0/16', '::1'])
    expect([allows('192.168.3.4'), allows('::1'), allows('127.0.0.1')]).toEqual([true, true, false])
  })

  it.each([
    '10.1',
    'example.com',
    '10.0.0.0/33',
    '::/129',
    '10.0.0.0/',
    '10.0.0.0/8/8',
    '',
    '10.0.0.256',
    '0x7f000001',
    '10.0.0.0/-1',
  ])('"%s" is a mistake that is named', (entry) => {
    expect(checkAllowFrom(entry)).toContain(`"${entry}"`)
    expect(() => parseAllowFrom([entry])).toThrow(ProblemError)
  })
})

describe('allow_to', () => {
  it.each([
    ['db.internal', 'db.internal', 5432, true],
    ['db.internal', 'DB.Internal.', 5432, true],
    ['db.internal', 'xdb.internal', 5432, false],
    ['db.internal:5432', 'db.internal', 5432, true],
    ['db.internal:5432', 'db.internal', 5433, false],
    ['db.internal:*', 'db.internal', 1, true],
    ['*.corp:443', 'a.b.corp', 443, true],
    ['*.corp:443', 'corp', 443, false],
    ['*.corp:443', 'a.corp.evil.example', 443, false],
    ['*.corp', 'axcorp', 443, false],
    ['web?', 'web1', 80, true],
    ['web?', 'web10', 80, false],
    ['*:8000-8100', 'x', 8000, true],
    ['*:8000-8100', 'x', 8100, true],
    ['*:8000-8100', 'x', 8101, false],
    ['*:8000-8100', 'x', 7999, false],
    ['10.0.0.0/8', '10.9.9.9', 22, true],
    ['10.0.0.0/8:22', '10.9.9.9', 23, false],
    ['[2001:db8::/32]:443', '2001:db8::7', 443, true],
    ['[2001:db8::/32]:443', '2001:db8::7', 80, false],
    ['2001:db8::7', '2001:db8:0:0::7', 80, true],
    ['[::1]', '::1', 80, true],
    ['127.0.0.1', '::ffff:127.0.0.1', 80, true],
  ])('%s: %s port %i may be reached: %s', (pattern, host, port, expected) => {
    expect(parseAllowTo([pattern])(host, port)).toBe(expected)
  })

  it.each(['127.0.0.1', '::1', '0x7f000001', '2130706433', '127.1', '0177.0.0.1', '::ffff:127.0.0.1'])(
    'a glob matches no address, however written: %s',
    (address) => {
      expect(parseAllowTo(['*', '1*', '*:443', '?*'])(address, 443)).toBe(false)
    },
  )

  it('a CIDR matches no name, and looks none up', () => {
    expect(parseAllowTo(['0.0.0.0/0', '::/0'])('localhost', 80)).toBe(false)
  })

  it('allows nothing when the list is empty', () => {
    expect(parseAllowTo([])('localhost', 80)).toBe(false)
  })

  it.each([
    '',
    ':443',
    'host:0',
    'host:65536',
    'host:9-8',
    'host:http',
    'ho st',
    '[2001:db8::/32',
    '10.0.0.0/40',
    '10.0.0',
    'a/b',
    '(a+)+$',
  ])('"%s" is a mistake that is named', (pattern) => {
    expect(checkAllowTo(pattern)).toContain(`"${pattern}"`)
    expect(() => parseAllowTo([pattern])).toThrow(ProblemError)
  })
})
