import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createHostFilter } from '../../src/forward/http-host.ts'

/** What arrives when the client sends these pieces; `|` in a piece's place stands for an answer of the server. */
function through(...pieces: (string | Buffer | { answer: string })[]): string {
  const filter = createHostFilter('zaiste.net')
  const out: Buffer[] = []
  for (const piece of pieces) {
    if (typeof piece === 'object' && 'answer' in piece) filter.back(Buffer.from(piece.answer, 'latin1'))
    else out.push(filter.forth(Buffer.from(piece as string, 'latin1')))
  }
  return Buffer.concat([...out, filter.rest()]).toString('latin1')
}

const get = (host: string, path = '/') => `GET ${path} HTTP/1.1\r\nhost: ${host}\r\nAccept: */*\r\n\r\n`
const rewritten = (path = '/') => `GET ${path} HTTP/1.1\r\nHost: zaiste.net\r\nAccept: */*\r\n\r\n`

describe('the Host of every request', () => {
  it('is another one, all else is untouched', () => {
    expect(through(get('localhost:8080'))).toBe(rewritten())
  })

  it('also of later ones on the same connection, and of several at once', () => {
    expect(through(get('a'), get('b', '/2'))).toBe(rewritten() + rewritten('/2'))
    expect(through(get('a') + get('b', '/2'))).toBe(rewritten() + rewritten('/2'))
  })

  it('after a body of known length, even one that looks like a request', () => {
    const body = get('evil')
    const post = (host: string) =>
      `POST / HTTP/1.1\r\nContent-Length: ${body.length}\r\nHost: ${host}\r\n\r\n${body}`
    expect(through(post('a') + get('b'))).toBe(post('zaiste.net') + rewritten())
  })

  it('after a chunked body with extensions and trailers', () => {
    const body = `5;x=y\r\nGET /\r\n1A\r\n${'h'.repeat(26)}\r\n0\r\nHost: in-trailer\r\n\r\n`
    const post = (host: string) =>
      `POST / HTTP/1.1\r\nHost: ${host}\r\nTransfer-Encoding: gzip, chunked\r\n\r\n${body}`
    expect(through(post('a') + get('b'))).toBe(post('zaiste.net') + rewritten())
  })

  it('is added where none was, and is one where there were several', () => {
    expect(through('GET / HTTP/1.0\r\n\r\n')).toBe('GET / HTTP/1.0\r\nHost: zaiste.net\r\n\r\n')
    const doubled = 'GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\nHOST : b\r\nHost: c\r\n folded\r\n\r\n'
    expect(through(doubled)).toBe('GET / HTTP/1.1\r\nHost: zaiste.net\r\nX: 1\r\n\r\n')
  })

  // RFC 9112, section 3.2.2: of a target that is a whole URL, a server takes the host from there.
  it.each([
    ['GET http://localhost:8080/a?b=http://c HTTP/1.1', 'GET http://zaiste.net/a?b=http://c HTTP/1.1'],
    ['GET HTTP://me:x@[::1]:8080?q HTTP/1.1', 'GET HTTP://zaiste.net?q HTTP/1.1'],
    ['OPTIONS http://localhost HTTP/1.1', 'OPTIONS http://zaiste.net HTTP/1.1'],
    ['OPTIONS * HTTP/1.1', 'OPTIONS * HTTP/1.1'],
    ['GET /http://localhost/ HTTP/1.1', 'GET /http://localhost/ HTTP/1.1'],
  ])('is that of the target, too: %s', (asked, passed) => {
    expect(through(`\r\n${asked}\r\nHost: localhost:8080\r\nX: 1\r\n\r\n`)).toBe(
      `\r\n${passed}\r\nHost: zaiste.net\r\nX: 1\r\n\r\n`,
    )
  })

  it('is not looked for in other headers', () => {
    const request = 'GET / HTTP/1.1\r\nX-Host: a\r\nHost: b\r\nReferer: http://host: c\r\n\r\n'
    expect(through(request)).toBe(request.replace('Host: b', 'Host: zaiste.net'))
  })

  it('the same however the bytes are cut', () => {
    const post = 'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'
    const all = `\r\n${get('a')}${post}POST / HTTP/1.1\r\nContent-Length: 4\r\nHost: b\r\n\r\nbody${get('c')}`
    const whole = through(all)
    expect(whole.match(/Host: zaiste\.net/g)).toHaveLength(4)
    fc.assert(
      fc.property(fc.array(fc.nat(all.length), { maxLength: 12 }), (cuts) => {
        const at = [0, ...cuts.sort((a, b) => a - b), all.length]
        expect(through(...at.slice(1).map((end, i) => all.slice(at[i], end)))).toBe(whole)
      }),
    )
    expect(through(...all)).toBe(whole)
  })
})

describe('what is no request is left alone', () => {
  const upgrade = (host: string) =>
    `GET /chat HTTP/1.1\r\nHost: ${host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`

  it('a WebSocket after its handshake, even frames that look like a request', () => {
    const frames = get('inside')
    const seen = through(
      upgrade('a'),
      { answer: 'HTTP/1.1 ' },
      { answer: '101 Switching Protocols\r\n\r\n' },
      frames,
    )
    expect(seen).toBe(upgrade('zaiste.net') + frames)
  })

  it('frames that a hasty client sends before the answer', () => {
    const frame = '\x81\x85\x01\x02\x03\x04hello'
    expect(through(upgrade('a'), frame)).toBe(upgrade('zaiste.net') + frame)
  })

  it('but where the server declines the upgrade, requests go on', () => {
    const seen = through(upgrade('a'), { answer: 'HTTP/1.1 200 OK\r\n\r\n' }, get('b'))
    expect(seen).toBe(upgrade('zaiste.net') + rewritten())
  })

  it('CONNECT: its head, and nothing after', () => {
    const connect = 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'
    expect(through(connect, get('inside'))).toBe(
      connect.replace('Host: a:443', 'Host: zaiste.net') + get('inside'),
    )
  })

  it.each([
    ['TLS', '\x16\x03\x01\x02\x00\x01'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00'],
    ['another protocol', 'HELO\r\n\r\nHost: a\r\n\r\n'],
    ['an endless head', `GET / HTTP/1.1\r\nX: ${'x'.repeat(300_000)}`],
    ['a head that never ended', 'GET / HTTP/1.1\r\nHost: a\r\n'],
    ['nothing', ''],
  ])('%s', (_name, bytes) => {
    expect(through(bytes)).toBe(bytes)
  })

  it.each([
    ['two lengths', 'Content-Length: 5\r\nContent-Length: 6'],
    ['a length and chunks', 'Content-Length: 5\r\nTransfer-Encoding: chunked'],
    ['a length that is no number', 'Content-Length: 0x10'],
  ])('what follows a body whose length nobody can tell: %s', (_name, headers) => {
    const request = `POST / HTTP/1.1\r\nHost: a\r\n${headers}\r\n\r\n${get('b')}`
    expect(through(request)).toBe(request.replace('Host: a', 'Host: zaiste.net'))
  })
})
