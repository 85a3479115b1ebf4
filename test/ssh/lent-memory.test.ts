// Bytes stay what they are, although the memory through which they pass is used again and again: in pieces of any
// length, under each kind of cipher, beside readers that lag behind, and while keys are exchanged.

import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { carry, to } from '../forward/carried.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { hostFor, open, tenMegabytes } from './support.ts'

const etm = 'hmac-sha2-256-etm@openssh.com'

test.each([
  { ciphers: 'aes128-gcm@openssh.com', macs: null, way: 'cut before the MAC' },
  { ciphers: 'aes128-gcm@openssh.com', macs: null, way: 'in any pieces' },
  { ciphers: 'chacha20-poly1305@openssh.com', macs: null, way: 'in any pieces' },
  { ciphers: 'aes128-ctr', macs: etm, way: 'in any pieces' },
  { ciphers: 'aes128-ctr', macs: 'hmac-sha2-256', way: 'in any pieces' },
] as const)('$ciphers $macs $way', async ({ way, ...algorithms }) => {
  const [server, echo] = await Promise.all([startSshd({ config: ['RekeyLimit 4M'] }), startEcho()])
  const port = await startChopper(server.port, way === 'in any pieces' ? chop : cutBeforeMac)
  const carrier = await open(
    hostFor(server, { ...algorithms, port, hostKeyAlias: `[127.0.0.1]:${server.port}` }),
  )
  const { dial } = await carry(to(echo.port, { dial: carrier.dial }))
  const bytes = tenMegabytes.subarray(0, 3_000_000)
  const answers = await Promise.all([0, 1, 20].map((turns) => exchangeSlowly(dial(), bytes, turns)))
  expect(answers.map((answer) => answer.equals(bytes))).toEqual([true, true, true])
})

/** Reads a piece, then leaves the others alone for so many turns of the event loop. */
async function exchangeSlowly(socket: Socket, bytes: Buffer, turns: number): Promise<Buffer> {
  const pieces: Buffer[] = []
  socket.on('data', async (piece: Buffer) => {
    pieces.push(piece)
    socket.pause()
    for (let turn = 0; turn < turns; turn++) await turnOver()
    socket.resume()
  })
  socket.end(bytes)
  await once(socket, 'end')
  return Buffer.concat(pieces)
}

/** A way to a port on which what comes from there arrives in the pieces that `cut` makes of it. */
async function startChopper(port: number, cut: (from: Socket) => AsyncIterable<Buffer>): Promise<number> {
  const server = createServer({ noDelay: true }, async (near) => {
    const far = connect({ port, host: '127.0.0.1', noDelay: true })
    near.pipe(far)
    for (const each of [near, far]) each.on('error', () => {})
    near.on('close', () => far.destroy())
    atEnd(() => void near.destroy())
    try {
      for await (const piece of cut(far)) {
        if (!near.write(piece)) await Promise.race([once(near, 'drain'), once(near, 'close')])
        await turnOver()
      }
    } catch {
      // It ends when the test does.
    }
    near.destroy()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => void server.close())
  return (server.address() as { port: number }).port
}

/** All but the banner, which ssh2 does not understand in more than two. */
async function* chop(from: Socket): AsyncIterable<Buffer> {
  await once(from, 'readable')
  yield from.read()
  for await (const piece of from as AsyncIterable<Buffer>)
    for (let at = 0, length = 0; at < piece.length; at += length) {
      length = randomInt(4) === 0 ? randomInt(1, 40) : randomInt(1, 120_000)
      yield piece.subarray(at, at + length)
    }
}

/** The packets of AES-GCM say how long they are (RFC 5647 7.3), as those do that come before there are keys. */
async function* cutBeforeMac(from: Socket): AsyncIterable<Buffer> {
  const bytesOf = (from as AsyncIterable<Buffer>)[Symbol.asyncIterator]()
  let held = Buffer.alloc(0)
  const take = async (bytes: number): Promise<Buffer> => {
    while (held.length < bytes) held = Buffer.concat([held, (await bytesOf.next()).value])
    const taken = held.subarray(0, bytes)
    held = held.subarray(bytes)
    return taken
  }
  const banner = [await take(1)]
  while (banner.at(-1)?.[0] !== LF) banner.push(await take(1))
  yield Buffer.concat(banner)
  for (let macBytes = 0; ; ) {
    const length = await take(4)
    const rest = await take(length.readUInt32BE())
    yield Buffer.concat([length, rest])
    if (macBytes > 0) yield await take(macBytes)
    else if (rest[1] === NEWKEYS) macBytes = 16
  }
}

const LF = 10
/** RFC 4253 7.3. */
const NEWKEYS = 21

function turnOver(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
