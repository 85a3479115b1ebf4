import { once } from 'node:events'
import { setTimeout as delay } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { eventually } from '../helpers/eventually.ts'
import { startServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { hostFor, NEVER, NOBODY, open, tenMegabytes } from './support.ts'

/** Says nothing, and takes its time to read: the server has much to pass on when we have said all. */
async function startSlowReader() {
  const heard = { bytes: 0, isEnded: false }
  const server = await startServer((socket) => {
    socket.end()
    socket.on('data', async (chunk) => {
      heard.bytes += chunk.length
      socket.pause()
      await delay(2)
      socket.resume()
    })
    socket.on('end', () => {
      heard.isEnded = true
    })
  })
  return { port: server.port, heard }
}

test('a stream is closed when the server has passed on all of it: the connection may end then', async () => {
  const { port, heard } = await startSlowReader()
  const carrier = await open(hostFor(await startSshd()))
  const { stream } = await carrier.dial({ kind: 'tcp', host: '127.0.0.1', port }, NOBODY, NEVER)
  stream.resume().end(tenMegabytes)
  await once(stream, 'close')
  carrier.close()
  await eventually(() => heard.isEnded)
  expect(heard.bytes).toBe(tenMegabytes.length)
})

test('a connection that is lost waits for nobody', async () => {
  const { port } = await startSlowReader()
  const server = await startSshd()
  const carrier = await open(hostFor(server))
  const { stream } = await carrier.dial({ kind: 'tcp', host: '127.0.0.1', port }, NOBODY, NEVER)
  const closed = once(stream, 'close')
  stream.resume().end(tenMegabytes)
  await once(stream, 'finish')
  await server.killSessions()
  await closed
})
