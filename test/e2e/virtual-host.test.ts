// A browser on a virtual host behind a tunnel: it says localhost, the server hears the name that it answers to, over
// connections that are kept and through a WebSocket.

import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { expect, test } from 'vitest'
import { openBrowser } from '../helpers/chromium.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { freePort } from '../helpers/ports.ts'
import { startSshd } from '../helpers/sshd.ts'
import { projectVia } from './project-via.ts'

const NAME = 'shop.example.com'
/** RFC 6455, section 1.3. */
const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

const PAGE = `<!doctype html><title>waits</title><script>
const get = (n) => fetch('/item/' + n).then((answer) => answer.text())
const socket = new WebSocket('ws://' + location.host + '/chat')
socket.onopen = () => socket.send('asked')
socket.onmessage = async ({ data }) => {
  const items = []
  for (let n = 0; n < 20; n++) items.push(await get(n))
  document.title = data + ' ' + items.join('')
}
</script>`

interface Site {
  port: number
  /** Hosts that were asked for, ever. */
  hosts: Set<string>
  connections(): number
}

/** Answers to its name alone. Its WebSocket says what it was asked by, after the first frame that comes. */
async function startSite(): Promise<Site> {
  const hosts = new Set<string>()
  let connections = 0
  const server = createServer((request, response) => {
    hosts.add(String(request.headers.host))
    if (request.headers.host !== NAME) return response.writeHead(421).end()
    if (request.url === '/') return response.setHeader('content-type', 'text/html').end(PAGE)
    response.end(request.url?.startsWith('/item/') ? `${request.url.slice(6)},` : '')
  })
  server.on('connection', () => connections++)
  server.on('upgrade', (request, socket: Socket) => {
    hosts.add(String(request.headers.host))
    const accept = createHash('sha1')
      .update(request.headers['sec-websocket-key'] + GUID)
      .digest('base64')
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`,
    )
    const text = Buffer.from(`socket of ${request.headers.host}`)
    socket.once('data', () => socket.write(Buffer.concat([Buffer.of(0x81, text.length), text])))
    socket.on('error', () => {})
    atEnd(() => void socket.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => {
    server.close()
    server.closeAllConnections()
  })
  return { port: (server.address() as AddressInfo).port, hosts, connections: () => connections }
}

test('a page, what it fetches and its WebSocket come from the virtual host', async () => {
  const [sshd, site, browser, port] = [
    await startSshd(),
    await startSite(),
    await openBrowser(),
    await freePort(),
  ]
  const cli = projectVia(sshd, { shop: { local: port, to: site.port, http: { host_header: NAME } } })
  await cli.up()
  const page = await browser.newPage()
  await page.goto(`http://localhost:${port}/`)
  const items = Array.from({ length: 20 }, (_, at) => `${at},`).join('')
  await page.waitForFunction("document.title !== 'waits'", undefined, { timeout: 60_000 })
  expect(await page.title()).toBe(`socket of ${NAME} ${items}`)
  expect([...site.hosts]).toEqual([NAME])
  // 22 requests and a WebSocket: connections are kept.
  expect(site.connections()).toBeLessThan(10)
}, 180_000)
