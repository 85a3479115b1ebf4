// `http: { host_header }` before a real web server: what a proxy would have to do well, and a filter must not spoil.

import { once } from 'node:events'
import { Agent, createServer, type RequestListener, request } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { carry, to } from './carried.ts'

const NAME = 'shop.example.com'

/** Answers to its name alone. */
async function shop(answer: RequestListener) {
  const connections = new Set<Socket>()
  const server = createServer((asked, response) => {
    if (asked.headers.host === NAME) return answer(asked, response)
    response.writeHead(421).end()
  })
  server.on('connection', (socket) => connections.add(socket))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  const forward = await carry(to((server.address() as AddressInfo).port, { hostHeader: NAME }))
  return { ...forward, server, connections }
}

/** Everything that comes back for these bytes, sent as they are; then our end. */
async function raw(client: Socket, text: string): Promise<string> {
  let answer = ''
  client.setEncoding('latin1').on('data', (part) => {
    answer += part
  })
  client.end(text, 'latin1')
  await once(client, 'end')
  return answer
}

const bodies = (answer: string) => [...answer.matchAll(/<([^>]*)>/g)].map(([, body]) => body)

describe('a virtual host behind the filter', () => {
  it('answers pipelined requests in their order, bodies and chunks between them, and keeps the half-close', async () => {
    const { dial, connections } = await shop((asked, response) => {
      let body = ''
      asked.on('data', (part) => {
        body += part
      })
      asked.on('end', () => response.end(`<${asked.method} ${asked.url} ${body}>`))
    })
    const host = 'Host: localhost:9\r\n'
    const answer = await raw(
      dial(),
      `GET /1 HTTP/1.1\r\n${host}\r\n` +
        `POST /2 HTTP/1.1\r\n${host}Content-Length: 16\r\n\r\nGET / HTTP/1.1\r\n` +
        `POST /3 HTTP/1.1\r\n${host}Transfer-Encoding: chunked\r\n\r\n3;x=1\r\nabc\r\n4\r\nHost\r\n0\r\nT: 1\r\n\r\n` +
        `GET http://localhost:9/4 HTTP/1.1\r\n${host}\r\nGET /5 HTTP/1.0\r\n\r\n`,
    )
    expect(bodies(answer)).toEqual([
      'GET /1 ',
      'POST /2 GET / HTTP/1.1\r\n',
      'POST /3 abcHost',
      'GET http://shop.example.com/4 ',
      'GET /5 ',
    ])
    expect(connections.size).toBe(1)
  })

  it('passes a continue before the body is sent, and refuses what is smuggled', async () => {
    const { port, server, dial } = await shop((asked, response) => {
      asked.resume().on('end', () => response.end(`<${asked.url}>`))
    })
    const asks = request({ port, method: 'PUT', path: '/slow', headers: { expect: '100-continue' } })
    server.once('checkContinue', (asked, response) => {
      response.writeContinue()
      server.emit('request', asked, response)
    })
    asks.flushHeaders()
    await once(asks, 'continue')
    const answered = once(asks, 'response')
    asks.end('the body')
    const [response] = await answered
    expect(await text(response)).toBe('</slow>')
    const smuggled =
      'POST /a HTTP/1.1\r\nHost: x\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n' +
      `0\r\n\r\nGET /b HTTP/1.1\r\nHost: ${NAME}\r\n\r\n`
    const answer = await raw(dial(), smuggled)
    expect(answer).toContain('400 Bad Request')
    expect(bodies(answer)).toEqual([])
  })

  it('streams: each event of a page that never ends arrives when it is sent', async () => {
    let send: (event: string) => void = () => {}
    const { port } = await shop((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).flushHeaders()
      send = (event) => void response.write(`data: ${event}\n\n`)
    })
    const asks = request({ port, path: '/events', agent: new Agent() }).end()
    const [response] = await once(asks, 'response')
    let heard = ''
    response.setEncoding('utf8').on('data', (part: string) => {
      heard += part
    })
    for (const event of ['one', 'two', 'three']) {
      send(event)
      await eventually(() => heard.endsWith(`data: ${event}\n\n`))
    }
    asks.destroy()
  })

  it('holds an upload back while nobody reads it, and lets it go on after', async () => {
    let read: (() => void) | null = null
    let received = 0
    const { dial } = await shop((asked, response) => {
      read = () => {
        asked.on('data', (part: Buffer) => {
          received += part.length
        })
        asked.on('end', () => response.end(String(received)))
      }
    })
    const size = 256 * 1024 * 1024
    const part = Buffer.alloc(1024 * 1024)
    const client = dial()
    client.write(`POST /upload HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ${size}\r\n\r\n`)
    let sent = 0
    const send = () => {
      while (sent < size) {
        sent += part.length
        if (!client.write(part)) return
      }
    }
    client.on('drain', send)
    send()
    // It stands still far from the end: what is on the way fits into the buffers of three sockets.
    let before = -1
    await eventually(() => {
      if (!read) return false
      const stands = sent === before
      before = sent
      return stands
    })
    expect(sent).toBeLessThan(size / 4)
    read!()
    expect(await text(client)).toMatch(new RegExp(`\\r\\n${size}\\r\\n|\\r\\n${size}$`))
  })

  it('takes a head of 200 KiB in pieces, and many small requests in one', async () => {
    const { dial } = await shop((asked, response) => response.end(`<${asked.url}>`))
    const many = Array.from({ length: 500 }, (_, at) => `GET /${at} HTTP/1.1\r\nHost: x\r\n\r\n`)
    expect(bodies(await raw(dial(), many.join('')))).toHaveLength(500)
    const client = dial()
    client.write('GET /big HTTP/1.1\r\nHost: x\r\n')
    for (let line = 0; line < 50; line++) client.write(`X-${line}: ${'x'.repeat(4_000)}\r\n`)
    // More than this server takes: the answer is its own.
    expect(await raw(client, '\r\n')).toContain('431 Request Header Fields Too Large')
  })
})

async function text(stream: AsyncIterable<Buffer>): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of stream) parts.push(part)
  return Buffer.concat(parts).toString()
}
