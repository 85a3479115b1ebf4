import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createSocksHandshake, type SocksAuth, type Turn } from '../../src/forward/socks-handshake.ts'

const auth = { username: 'ann', password: 's3cret' }
const hello = [5, 1, 0]
const toIpv4 = [5, 1, 0, 1, 10, 0, 0, 7, 0x15, 0x38]
const named = (name: string | number[]) => {
  const bytes = Buffer.from(name as string)
  return [5, 1, 0, 3, bytes.length, ...bytes, 0, 80]
}
const login = (username: string, password: string) => [
  1,
  username.length,
  ...Buffer.from(username),
  password.length,
  ...Buffer.from(password),
]
const socks4 = (address: number[], ...rest: number[]) => [4, 1, 0, 80, ...address, ...rest]

/** Feeds the pieces until the machine has enough; what it said is put together. */
function converse(pieces: Buffer[], wanted: SocksAuth | null = null) {
  const feed = createSocksHandshake(wanted)
  const said: Buffer[] = []
  let turn: Turn = { kind: 'listening', say: Buffer.alloc(0) }
  const waiting = [...pieces]
  while (turn.kind === 'listening' && waiting.length > 0) {
    turn = feed(waiting.shift()!)
    said.push(turn.say)
  }
  const say = [...Buffer.concat(said)]
  const rest = turn.kind === 'requested' ? Buffer.concat([turn.rest, ...waiting]).toString() : ''
  const asked = turn.kind === 'requested' ? `${turn.destination.host} ${turn.destination.port}` : null
  return { kind: turn.kind, say, asked, rest }
}

const inOnePiece = (bytes: number[]) => [Buffer.from(bytes)]
const byteByByte = (bytes: number[]) => bytes.map((byte) => Buffer.from([byte]))

const requests: [string, number[], SocksAuth | null, string, number[]][] = [
  ['SOCKS5, IPv4', [...hello, ...toIpv4], null, '10.0.0.7 5432', [5, 0]],
  ['SOCKS5, a name', [...hello, ...named('db.corp')], null, 'db.corp 80', [5, 0]],
  ['SOCKS5, a name beyond ASCII', [...hello, ...named('bücher.example')], null, 'bücher.example 80', [5, 0]],
  [
    'SOCKS5, IPv6',
    [...hello, 5, 1, 0, 4, 0x20, 0x01, 0x0d, 0xb8, ...Array(11).fill(0), 7, 1, 0xbb],
    null,
    '2001:db8::7 443',
    [5, 0],
  ],
  ['SOCKS5, IPv6 loopback', [...hello, 5, 1, 0, 4, ...Array(15).fill(0), 1, 0, 1], null, '::1 1', [5, 0]],
  ['SOCKS5, several methods', [5, 3, 1, 2, 0, ...toIpv4], null, '10.0.0.7 5432', [5, 0]],
  [
    'SOCKS5, user and password',
    [5, 2, 0, 2, ...login('ann', 's3cret'), ...toIpv4],
    auth,
    '10.0.0.7 5432',
    [5, 2, 1, 0],
  ],
  ['SOCKS4', socks4([10, 0, 0, 7], 0), null, '10.0.0.7 80', []],
  ['SOCKS4, a user id', socks4([10, 0, 0, 7], ...Buffer.from('ann'), 0), null, '10.0.0.7 80', []],
  ['SOCKS4a', socks4([0, 0, 0, 1], 0, ...Buffer.from('db.corp'), 0), null, 'db.corp 80', []],
  [
    'SOCKS4a, a user id',
    socks4([0, 0, 0, 255], 120, 0, ...Buffer.from('db.corp'), 0),
    null,
    'db.corp 80',
    [],
  ],
  ['SOCKS4 to 0.0.0.0', socks4([0, 0, 0, 0], 0), null, '0.0.0.0 80', []],
]

describe.each(requests)('%s', (_name, bytes, wanted, asked, say) => {
  it.each([
    ['in one piece', inOnePiece],
    ['byte by byte', byteByByte],
  ])('is understood %s', (_how, cut) => {
    expect(converse(cut(bytes), wanted)).toEqual({ kind: 'requested', asked, say, rest: '' })
  })

  it.each([
    ['in one piece', inOnePiece],
    ['byte by byte', byteByByte],
  ])('keeps early data that comes %s', (_how, cut) => {
    const early = [...Buffer.from('GET / HTTP/1.1\r\n\r\n')]
    expect(converse(cut([...bytes, ...early]), wanted).rest).toBe('GET / HTTP/1.1\r\n\r\n')
  })

  it('waits for more as long as one byte is missing', () => {
    for (let length = 0; length < bytes.length; length++) {
      expect(converse(inOnePiece(bytes.slice(0, length)), wanted).kind).toBe('listening')
    }
  })
})

const failed5 = (code: number) => [5, code, 0, 1, 0, 0, 0, 0, 0, 0]
const failed4 = [0, 91, 0, 0, 0, 0, 0, 0]

describe('what is turned away, and with which answer', () => {
  it.each<[string, number[], SocksAuth | null, number[]]>([
    ['HTTP', [...Buffer.from('GET / HTTP/1.1\r\n')], null, []],
    ['TLS', [22, 3, 1, 2], null, []],
    ['SOCKS3', [3], null, []],
    ['no method that we take', [5, 1, 2], null, [5, 255]],
    ['no method at all', [5, 0], null, [5, 255]],
    ['no password where one is wanted', hello, auth, [5, 255]],
    ['a wrong password', [5, 1, 2, ...login('ann', 's3cret!')], auth, [5, 2, 1, 1]],
    ['the beginning of the password', [5, 1, 2, ...login('ann', 's')], auth, [5, 2, 1, 1]],
    ['an empty password', [5, 1, 2, ...login('ann', '')], auth, [5, 2, 1, 1]],
    ['a wrong user', [5, 1, 2, ...login('bob', 's3cret')], auth, [5, 2, 1, 1]],
    ['credentials of another version', [5, 1, 2, 5, 0, 0], auth, [5, 2, 1, 1]],
    ['SOCKS4 where a password is wanted', socks4([10, 0, 0, 7], 0), auth, failed4],
    ['BIND', [...hello, 5, 2, 0, 1, 10, 0, 0, 7, 0, 80], null, [5, 0, ...failed5(7)]],
    ['UDP ASSOCIATE', [...hello, 5, 3, 0, 1, 10, 0, 0, 7, 0, 80], null, [5, 0, ...failed5(7)]],
    ['an unknown address type', [...hello, 5, 1, 0, 2, 10, 0], null, [5, 0, ...failed5(8)]],
    ['a request of another version', [...hello, 4, 1, 0, 1, 10], null, [5, 0, ...failed5(1)]],
    ['an empty name', [...hello, ...named('')], null, [5, 0, ...failed5(1)]],
    ['a name with NUL', [...hello, ...named('a\0b')], null, [5, 0, ...failed5(1)]],
    ['a name with a line break', [...hello, ...named('a\r\nb')], null, [5, 0, ...failed5(1)]],
    ['a name with DEL', [...hello, ...named('a\x7fb')], null, [5, 0, ...failed5(1)]],
    ['a name with a blank', [...hello, ...named('a b')], null, [5, 0, ...failed5(1)]],
    ['a name that is no UTF-8', [...hello, 5, 1, 0, 3, 2, 0xff, 0xfe, 0, 80], null, [5, 0, ...failed5(1)]],
    ['SOCKS4 BIND', [4, 2, 0, 80, 10, 0, 0, 7, 0], null, failed4],
    ['a SOCKS4a name with control bytes', socks4([0, 0, 0, 1], 0, 97, 10, 98, 0), null, failed4],
    ['an empty SOCKS4a name', socks4([0, 0, 0, 1], 0, 0), null, failed4],
    ['an endless SOCKS4 user id', socks4([10, 0, 0, 7], ...Array(300).fill(65)), null, failed4],
    ['an endless SOCKS4a name', socks4([0, 0, 0, 1], 0, ...Array(300).fill(65)), null, failed4],
  ])('%s', (_name, bytes, wanted, say) => {
    expect(converse(inOnePiece(bytes), wanted)).toMatchObject({ kind: 'refused', say })
    expect(converse(byteByByte(bytes), wanted)).toMatchObject({ kind: 'refused', say })
  })
})

it('a wrong password of one client does not help the next', () => {
  const wrong = createSocksHandshake(auth)
  wrong(Buffer.from([5, 1, 2, ...login('ann', 's3cre').slice(0, -1)]))
  expect(converse(inOnePiece([5, 1, 2, ...login('ann', 't')]), auth).kind).toBe('refused')
})

it('decides within bounds whatever comes, and the same however it is cut', () => {
  const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 })
  const beginnings = fc.constantFrom<number[]>([], [5], hello, [...hello, 5, 1, 0, 3], [4, 1], [5, 1, 2, 1])
  fc.assert(
    fc.property(beginnings, chunks, fc.boolean(), (beginning, pieces, withAuth) => {
      const wanted = withAuth ? auth : null
      const cut = [Buffer.from(beginning), ...pieces.map((piece) => Buffer.from(piece))]
      const whole = Buffer.concat(cut)
      expect(converse(cut, wanted)).toEqual(converse([whole], wanted))
      if (whole.length > 1200) expect(converse([whole], wanted).kind).not.toBe('listening')
    }),
  )
})
