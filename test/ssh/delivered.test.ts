// What the other end's system has taken of a connection, told by this one's: only Linux does.

import { existsSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { deliveredBytes, outermost, tellCarrier } from '../../src/ssh/delivered.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'

test.runIf(existsSync('/proc/self/net/tcp'))(
  'grows while the other end takes something, and not while it does not',
  async () => {
    const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
    const taken = new Promise<Socket>((resolve) => server.once('connection', resolve))
    await new Promise((resolve) => server.once('listening', resolve))
    const socket = connect((server.address() as { port: number }).port, '127.0.0.1')
    const other = await taken
    atEnd(() => {
      for (const end of [socket, other]) end.destroy()
      server.close()
    })
    const chunk = Buffer.alloc(1024 * 1024)
    for (let count = 0; count < 32; count += 1) socket.write(chunk)
    let before = -1
    const stuckAt = await eventually(
      () => {
        const now = deliveredBytes(socket)
        const isStuck = now !== null && now > 0 && now === before
        before = now ?? -1
        return isStuck && now
      },
      { everyMs: 200 },
    )
    expect(stuckAt).toBeLessThan(socket.bytesWritten)
    other.resume()
    await eventually(() => deliveredBytes(socket) === 32 * chunk.length)
  },
)

test('is asked of the connection that leaves this machine, whatever goes through it', () => {
  const [wire, channel, inner] = [new PassThrough(), new PassThrough(), new PassThrough()]
  tellCarrier(channel, wire)
  tellCarrier(inner, channel)
  expect([wire, channel, inner].map(outermost)).toEqual([wire, wire, wire])
  expect(deliveredBytes(wire)).toBeNull()
})
