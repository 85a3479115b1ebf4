// What a server may not do while keys are exchanged: choose a group that protects nothing, or that takes for ever, or
// ask for new keys and never make them.

import { randomBytes } from 'node:crypto'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { Client } from 'ssh2'
import { expect, test } from 'vitest'
import { watchRekey } from '../../src/ssh/rekey.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { startSshd } from '../helpers/sshd.ts'
import { startHostileServer, string, uint32 } from './hostile-server.ts'
import { hostFor, open, plainHost, problemFrom } from './support.ts'

const [KEXINIT, GEX_GROUP, GEX_INIT, GEX_REQUEST] = [20, 31, 32, 34]
const GROUP_EXCHANGE = 'diffie-hellman-group-exchange-sha256'

/** RFC 4253, section 6, before there are keys. */
function packet(...payload: Buffer[]): Buffer {
  const body = Buffer.concat(payload)
  const padding = 8 - ((body.length + 5) % 8) + 8
  return Buffer.concat([uint32(body.length + padding + 1), Buffer.of(padding), body, Buffer.alloc(padding)])
}

function kexInit(): Buffer {
  const lists = [GROUP_EXCHANGE, 'ssh-ed25519', 'aes128-ctr', 'aes128-ctr', 'hmac-sha2-256', 'hmac-sha2-256']
  const rest = ['none', 'none', '', '']
  const names = [...lists, ...rest].map((list) => string(list))
  return Buffer.concat([Buffer.of(KEXINIT!), randomBytes(16), ...names, Buffer.alloc(5)])
}

/** A server that answers the request for a group with a prime of so many bits, and tells what came. */
async function groupServer(bits: number) {
  const messages: number[] = []
  const serve = (socket: Socket) => {
    let heard = Buffer.alloc(0)
    let isGreeted = false
    socket.on('error', () => {})
    socket.write('SSH-2.0-groups\r\n')
    socket.write(packet(kexInit()))
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk])
      if (!isGreeted && heard.includes('\n')) {
        heard = heard.subarray(heard.indexOf('\n') + 1)
        isGreeted = true
      }
      while (isGreeted && heard.length >= 6 && heard.length >= 4 + heard.readUInt32BE(0)) {
        const type = heard[5]!
        heard = heard.subarray(4 + heard.readUInt32BE(0))
        messages.push(type)
        if (type === GEX_REQUEST)
          socket.write(packet(Buffer.of(GEX_GROUP!), prime(bits), string(Buffer.of(2))))
      }
    })
  }
  const server = createServer(serve)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const sockets = new Set<Socket>()
  server.on('connection', (socket) => sockets.add(socket))
  atEnd(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, messages }
}

/** Odd, and as long as it is said to be; whether it is prime nobody looks. */
function prime(bits: number): Buffer {
  const bytes = randomBytes(bits / 8)
  bytes[0]! |= 0x80
  bytes[bytes.length - 1]! |= 1
  return string(Buffer.concat([Buffer.of(0), bytes]))
}

test.each([512, 1024, 2040, 4104, 8192, 200_000])(
  'a group of %i bits is refused before anything is computed with it',
  async (bits) => {
    const { port, messages } = await groupServer(bits)
    const problem = await problemFrom(open(plainHost(port, { kexAlgorithms: GROUP_EXCHANGE })))
    expect(problem.code).toBe('HOST_PROTOCOL')
    expect(problem.summary).toContain(`a Diffie-Hellman group of ${bits} bits`)
    expect(messages).not.toContain(GEX_INIT)
  },
)

test('a group of 2048 bits is taken', async () => {
  const { port, messages } = await groupServer(2048)
  const controller = new AbortController()
  const attempt = problemFrom(
    open(plainHost(port, { kexAlgorithms: GROUP_EXCHANGE }), { signal: controller.signal }),
  )
  await eventually(() => messages.includes(GEX_INIT!))
  controller.abort(new Error('enough'))
  await attempt
})

test('group exchange with a real server works, also for new keys', async () => {
  const server = await startSshd({ config: ['RekeyLimit 200K'] })
  const carrier = await open(hostFor(server, { kexAlgorithms: GROUP_EXCHANGE }))
  const { client } = carrier as unknown as { client: Client }
  let exchanges = 0
  client.on('handshake', () => exchanges++)
  const echoed = await new Promise<Buffer>((resolve, reject) => {
    client.exec('cat', (error, channel) => {
      if (error) return reject(error)
      const chunks: Buffer[] = []
      channel.on('data', (chunk: Buffer) => chunks.push(chunk))
      channel.on('close', () => resolve(Buffer.concat(chunks)))
      channel.end(Buffer.alloc(300_000, 7))
    })
  })
  expect(echoed.length).toBe(300_000)
  expect(exchanges).toBeGreaterThan(0)
})

test('new keys that a server asks for and never makes end the connection; those that it makes do not', async () => {
  const server = await startHostileServer()
  const carrier = await open(server.host())
  const peer = await server.peer()
  const { client } = carrier as unknown as { client: Client }
  const stuck: string[] = []
  const stop = watchRekey(client, (cause) => stuck.push(cause), 200)
  atEnd(stop)
  for (let round = 0; round < 3; round++) await new Promise<void>((resolve) => peer.connection.rekey(resolve))
  expect(stuck).toEqual([])
  peer.protocol.parse = (_chunk, _from, length) => length
  peer.connection.rekey()
  await eventually(() => stuck[0])
  expect(stuck[0]).toBe('new keys were not agreed on within 0.2 s')
})
