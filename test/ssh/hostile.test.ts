// Servers that attack: nothing of theirs reaches a terminal raw, they open nothing that was not asked for, hold no
// memory without bound, and a connection that they spoil is lost with a problem, never with an exception.

import ssh2, { type Client } from 'ssh2'
import { describe, expect, test } from 'vitest'
import { makeKeyPair } from '../../src/demo/key-pair.ts'
import type { Carrier, Incoming } from '../../src/forward/carrier.ts'
import { type Problem, problemOf } from '../../src/model/problem.ts'
import { connect } from '../../src/ssh/connect.ts'
import { isExchangingKeys, packetsHeldBack } from '../../src/ssh/internals/key-exchange.ts'
import { eventually } from '../helpers/eventually.ts'
import { isFull } from '../helpers/sample.ts'
import { startServer } from '../helpers/servers.ts'
import {
  channelOpen,
  forwardedTcpip,
  type HostileOptions,
  kexInit,
  MSG,
  NASTY,
  startClearServer,
  startHostileServer,
  strangeChannels,
  string,
  uint32,
} from './hostile-server.ts'
import { NEVER, NOBODY, open, plainHost, problemFrom } from './support.ts'

const target = { kind: 'tcp' as const, host: 'db.internal', port: 5432 }
const loopback7000 = { kind: 'tcp' as const, bind: 'loopback' as const, port: 7000 }

async function loggedIn(options: HostileOptions = {}) {
  const server = await startHostileServer(options)
  const carrier = await open(server.host())
  return { server, carrier, peer: await server.peer() }
}

async function lossOf(carrier: Carrier): Promise<Problem> {
  await eventually(() => carrier.closed.aborted)
  return problemOf(carrier.closed.reason)
}

/** The server answers in order: when this is answered, all before it has been looked at. */
async function isAlive(carrier: Carrier): Promise<boolean> {
  const problem = await problemFrom(carrier.dial(target, NOBODY, NEVER))
  return problem.code !== 'HOST_LOST' && !carrier.closed.aborted
}

function expectPrintable(value: unknown): void {
  const texts = JSON.stringify(value, (_key, each) =>
    typeof each === 'string' ? each.replaceAll('\n', ' ') : each,
  )
  expect(texts).not.toMatch(/[^\x20-\x7e]|\\u00|\\[bfrt]/)
}

describe('who it is', () => {
  test('a key that is on file, and a signature that is not its own', async () => {
    let asked = 0
    const server = await startHostileServer({ signsWith: makeKeyPair(), onAuthentication: () => asked++ })
    const problem = await problemFrom(connect(server.host(), { signal: NEVER }))
    expect(problem.code).toBe('HOST_PROTOCOL')
    expect(asked).toBe(0)
    expectPrintable(problem)
  })

  test.each([
    ['before anything', [] as Buffer[]],
    ['behind its offer of algorithms', [kexInit()]],
  ])('"you are in", in clear, %s: nobody is', async (_when, before) => {
    // The verdict on the login is there; what hung on it would come now.
    const after = Buffer.concat([Buffer.of(MSG.CHANNEL_OPEN), string('session'), Buffer.alloc(12)])
    const server = await startClearServer([...before, Buffer.of(MSG.USERAUTH_SUCCESS), after])
    const host = plainHost(server.port, { hostKeys: [makeKeyPair().fingerprint], connectTimeoutMs: 1_000 })
    const problem = await problemFrom(connect(host, { signal: NEVER }))
    expect(problem.code).toMatch(/^HOST_(PROTOCOL|LOST|TIMEOUT)$/)
    await eventually(() => server.open() === 0)
    expect(server.heard().includes('ssh-userauth')).toBe(false)
    expect(server.heard().includes('deploy')).toBe(false)
  })

  test('another host key at a rekey: the connection is lost', async () => {
    const { carrier, peer } = await loggedIn()
    for (const name of Object.keys(peer.protocol._hostKeys))
      peer.protocol._hostKeys[name] = ssh2.utils.parseKey(makeKeyPair().privateKey) as ssh2.ParsedKey
    peer.connection.rekey()
    const problem = await lossOf(carrier)
    expect(problem.code).toBe('HOST_LOST')
    expectPrintable(problem)
  })

  test('the right key at a rekey: it goes on', async () => {
    const { carrier, peer } = await loggedIn()
    await new Promise<void>((resolve) => peer.connection.rekey(resolve))
    expect(await isAlive(carrier)).toBe(true)
  })
})

describe('what nobody asked for', () => {
  test('channels of every kind are refused, and reach no forward', async () => {
    const { carrier, peer } = await loggedIn()
    const came: Incoming[] = []
    const listener = await carrier.listen(loopback7000, { replace: true }, (incoming) => came.push(incoming))
    const cancelled = await carrier.listen({ ...loopback7000, port: 7001 }, { replace: true }, (incoming) =>
      came.push(incoming),
    )
    await cancelled.close()
    const requests = [
      forwardedTcpip('localhost', 7001),
      forwardedTcpip('localhost', 7002),
      forwardedTcpip('127.0.0.1', 7000),
      forwardedTcpip('', 7000),
      forwardedTcpip('localhost', 0),
      forwardedTcpip('__proto__', 7000),
      ...strangeChannels(22),
    ]
    for (const request of requests) peer.send(...request)
    await eventually(() => peer.heard('CHANNEL_OPEN_FAILURE') === requests.length)
    expect(came).toEqual([])
    expect(peer.heard('CHANNEL_OPEN_CONFIRMATION')).toBe(0)

    peer.send(...forwardedTcpip(listener.address.replace(':7000', ''), 7000))
    await eventually(() => came.length === 1)
    came[0]!.refuse()
    expect(await isAlive(carrier)).toBe(true)
  })

  test('10,000 channels at once are all refused', async () => {
    const { carrier, peer } = await loggedIn()
    for (let sent = 0; sent < 10_000; sent++) peer.send(...forwardedTcpip('localhost', sent))
    await eventually(() => peer.heard('CHANNEL_OPEN_FAILURE') === 10_000)
    expect(peer.heard('CHANNEL_OPEN_CONFIRMATION')).toBe(0)
    expect(await isAlive(carrier)).toBe(true)
  })

  test('answers to nothing, and packets for channels that are closed or never were', async () => {
    const channels: ssh2.ServerChannel[] = []
    const { carrier, peer } = await loggedIn({ onTcpip: (accept) => channels.push(accept()) })
    const connection = await carrier.dial(target, NOBODY, NEVER)
    const mine = 0
    peer.send(MSG.CHANNEL_CLOSE, uint32(mine))
    for (const id of [mine, 1, 77, 0xffff_fffe]) {
      peer.send(MSG.CHANNEL_DATA, uint32(id), string('after the end'))
      peer.send(MSG.CHANNEL_EXTENDED_DATA, uint32(id), uint32(1), string('after the end'))
      peer.send(MSG.CHANNEL_EOF, uint32(id))
      peer.send(MSG.CHANNEL_CLOSE, uint32(id))
      peer.send(MSG.CHANNEL_WINDOW_ADJUST, uint32(id), uint32(0xffff_ffff))
      peer.send(MSG.CHANNEL_REQUEST, uint32(id), string('exit-status'), 1, uint32(7))
      peer.send(MSG.CHANNEL_OPEN_CONFIRMATION, uint32(id), uint32(1), uint32(1), uint32(1))
      peer.send(MSG.CHANNEL_OPEN_FAILURE, uint32(id), uint32(1), string(NASTY), string(''))
    }
    for (let sent = 0; sent < 100; sent++) peer.send(MSG.REQUEST_SUCCESS)
    connection.stream.resume()
    await eventually(() => connection.stream.destroyed || connection.stream.readableEnded)
    const next = await carrier.dial(target, NOBODY, NEVER)
    expect(channels).toHaveLength(2)
    next.abort()
    expect(carrier.closed.aborted).toBe(false)
  })

  test('an originator that is no address is not passed on', async () => {
    const { carrier, peer } = await loggedIn()
    const came: Incoming[] = []
    await carrier.listen(loopback7000, { replace: true }, (incoming) => came.push(incoming))
    peer.send(...forwardedTcpip('localhost', 7000, NASTY.repeat(100), 0xffff_ffff))
    await eventually(() => came.length === 1)
    const { from, refuse } = came[0]!
    expectPrintable(from)
    expect(from.address?.length ?? 0).toBeLessThan(100)
    refuse.call(came[0])
  })
})

describe('what it says', () => {
  test('its banner, greeting, offers and reasons reach nobody raw', async () => {
    const server = await startHostileServer({
      banner: NASTY,
      onAuthentication: (attempt) => attempt.reject([NASTY, 'publickey', 'x'.repeat(20_000)] as never),
    })
    const problem = await problemFrom(connect(server.host(), { signal: NEVER }))
    expect(problem.code).toBe('AUTH_FAILED')
    expectPrintable(problem)
    expect(JSON.stringify(problem).length).toBeLessThan(4_000)
  })

  test.each<[string, (protocol: (...payload: (number | Buffer)[]) => void) => void]>([
    ['a farewell', (send) => send(MSG.DISCONNECT, uint32(2), string(NASTY.repeat(200)), string(''))],
    [
      'a debug message and a farewell',
      (send) => {
        send(MSG.DEBUG, 1, string(NASTY), string(''))
        send(MSG.USERAUTH_BANNER, string(NASTY.repeat(300)), string(''))
        send(MSG.DISCONNECT, uint32(0xffff_ffff), string(NASTY), string(NASTY))
      },
    ],
    ['a message that is cut', (send) => send(MSG.CHANNEL_DATA, uint32(0), uint32(0xffff_ffff))],
  ])('%s in the open connection', async (_what, attack) => {
    const { carrier, peer } = await loggedIn()
    attack(peer.send)
    const problem = await lossOf(carrier)
    expect(problem.code).toBe('HOST_LOST')
    expectPrintable(problem)
    expect(problem.summary.length).toBeLessThan(500)
  })

  test.each([0, 1, 2, 3, 4, 5, 77, 0xffff_ffff])('why a channel is refused, reason %i', async (reason) => {
    const { carrier, peer, server } = await loggedIn({ onTcpip: () => {} })
    const failing = problemFrom(carrier.dial(target, NOBODY, NEVER))
    await new Promise((resolve) => setImmediate(resolve))
    peer.send(MSG.CHANNEL_OPEN_FAILURE, uint32(0), uint32(reason), string(NASTY.repeat(200)), string(''))
    const problem = await failing
    expect(problem.code).toMatch(/^(TARGET_|FORWARD_PROHIBITED)/)
    expectPrintable(problem)
    expect(JSON.stringify(problem).length).toBeLessThan(1_500)
    expect(server.connections()).toBe(1)
  })

  test('algorithms that nobody knows', async () => {
    const server = await startClearServer([kexInit(NASTY.repeat(400))])
    const host = plainHost(server.port, { hostKeys: [makeKeyPair().fingerprint] })
    const problem = await problemFrom(connect(host, { signal: NEVER }))
    expect(problem.code).toBe('HOST_PROTOCOL')
    expectPrintable(problem)
    expect(JSON.stringify(problem).length).toBeLessThan(4_000)
  })

  test.each([
    ['lines without end', 'welcome \x1b[2J\r\n'.repeat(100)],
    ['one line without end', 'x'.repeat(2_000)],
  ])('a greeting of %s is ended long before the time is up', async (_what, text) => {
    const server = await startServer((socket) => {
      const pour = () => {
        while (!socket.destroyed && socket.write(text));
      }
      socket.on('drain', pour)
      pour()
    })
    const host = plainHost(server.port, { hostKeys: [makeKeyPair().fingerprint], connectTimeoutMs: 60_000 })
    const problem = await problemFrom(connect(host, { signal: NEVER }))
    expect(problem.code).toBe('HOST_PROTOCOL')
    expectPrintable(problem)
    await eventually(() => server.open() === 0)
  })
})

describe('what it takes', () => {
  test('more than the window: the connection is lost before the memory is', async () => {
    const { carrier, peer } = await loggedIn({ onTcpip: (accept) => void accept() })
    const { stream } = await carrier.dial(target, NOBODY, NEVER)
    const piece = string(Buffer.alloc(32_000, 'x'))
    // Nobody reads here: OpenSSH would stop after the 4 MiB that ssh2 lets it send at most.
    for (let sent = 0; sent < 400; sent++) peer.send(MSG.CHANNEL_DATA, uint32(0), piece)
    expect((await lossOf(carrier)).code).toBe('HOST_LOST')
    expect(stream.destroyed).toBe(true)
  })

  test('just the window: nothing is lost', async () => {
    const { carrier, peer } = await loggedIn({ onTcpip: (accept) => void accept() })
    const { stream } = await carrier.dial(target, NOBODY, NEVER)
    const piece = string(Buffer.alloc(32_768, 'x'))
    for (let sent = 0; sent < 64; sent++) peer.send(MSG.CHANNEL_DATA, uint32(0), piece)
    let bytes = 0
    stream.on('data', (chunk: Buffer) => {
      bytes += chunk.length
    })
    await eventually(() => bytes === 2 * 1024 * 1024)
    expect(carrier.closed.aborted).toBe(false)
  })

  test.each([0, 1, 16])(
    'packets of at most %i bytes: the channel is refused, not written to for ever',
    async (size) => {
      const { carrier, peer } = await loggedIn({ onTcpip: () => {} })
      const failing = problemFrom(carrier.dial(target, NOBODY, NEVER))
      await new Promise((resolve) => setImmediate(resolve))
      peer.send(MSG.CHANNEL_OPEN_CONFIRMATION, uint32(0), uint32(5), uint32(0xffff_ffff), uint32(size))
      expect((await failing).code).toMatch(/^TARGET_|^HOST_PROTOCOL|^FORWARD_/)
      await carrier.listen(loopback7000, { replace: true }, (incoming) => {
        incoming.accept().stream.write('x'.repeat(100))
      })
      peer.send(
        MSG.CHANNEL_OPEN,
        string('forwarded-tcpip'),
        uint32(9),
        uint32(0xffff_ffff),
        uint32(size),
        ...forwardedTcpip('localhost', 7000).slice(5),
      )
      await eventually(() => peer.heard('CHANNEL_OPEN_FAILURE') === 1)
      expect(carrier.closed.aborted).toBe(false)
    },
  )

  test('requests without end whose answers it does not read: the connection is lost', async () => {
    const { carrier, peer } = await loggedIn()
    peer.socket.pause()
    const request = Buffer.concat(channelOpen('x'))
    let sent = 0
    const pour = () => {
      while (!peer.socket.destroyed && sent++ < 3_000_000 && peer.socket.writableLength < 1_000_000)
        peer.send(request)
      if (!peer.socket.destroyed && sent < 3_000_000) setImmediate(pour)
    }
    pour()
    expect((await lossOf(carrier)).summary).toMatch(/read/)
  })

  test('new keys that it asks for and never makes: who writes meanwhile waits, and nothing piles up', async () => {
    const { carrier, peer } = await loggedIn({ onTcpip: (accept) => void accept() })
    const { stream } = await carrier.dial(target, NOBODY, NEVER)
    peer.send(MSG.CHANNEL_WINDOW_ADJUST, uint32(0), uint32(0xf000_0000))
    peer.protocol.parse = (_chunk, _from, length) => length
    peer.send(kexInit())
    const { client } = carrier as unknown as { client: Client }
    await eventually(() => isExchangingKeys(client))
    let taken = 0
    const write = () => {
      taken += 65_536
      if (taken < 256 * 1024 * 1024) stream.write(Buffer.alloc(65_536), () => setImmediate(write))
    }
    write()
    await eventually(() => packetsHeldBack(client) > 256)
    for (let turn = 0; turn < 2_000; turn++) await new Promise((resolve) => setImmediate(resolve))
    expect(taken).toBeLessThan(32 * 1024 * 1024)
    carrier.close()
    await eventually(() => stream.destroyed)
  })

  test('host keys to be proven without end cost nothing', async () => {
    const { carrier, peer } = await loggedIn()
    const key = ssh2.utils.parseKey(makeKeyPair().publicKey) as ssh2.ParsedKey
    const keys = Array.from({ length: 400 }, () => string(key.getPublicSSH()))
    for (let sent = 0; sent < 200; sent++)
      peer.send(MSG.GLOBAL_REQUEST, string('hostkeys-00@openssh.com'), 0, ...keys)
    expect(await isAlive(carrier)).toBe(true)
    // What is not asked cannot be answered wrongly, nor be waited for.
    expect(
      (carrier as unknown as { client: { _callbacks: unknown[] } }).client._callbacks.length,
    ).toBeLessThan(5)
  })

  test('silence: the connection is lost when it has been asked often enough', async () => {
    const server = await startHostileServer()
    const carrier = await open(server.host({ serverAliveIntervalMs: 50, serverAliveCountMax: 2 }))
    const peer = await server.peer()
    peer.socket.pause()
    expect((await lossOf(carrier)).summary).toContain('no longer answers')
  })
})

describe('any message, with anything in it', () => {
  const numbers = isFull
    ? Array.from({ length: 256 }, (_, number) => number)
    : [
        0, 2, 3, 5, 6, 7, 20, 21, 30, 31, 50, 51, 52, 60, 61, 80, 81, 82, 90, 91, 92, 93, 94, 95, 96, 97, 98,
        99, 100, 192,
      ]
  test.each(numbers)('%i: lost with a problem, or alive', async (number) => {
    for (const rest of [[], [Buffer.alloc(3)], [Buffer.alloc(40, 0xff)], [Buffer.alloc(40)]]) {
      const { carrier, peer } = await loggedIn({ onTcpip: (accept) => void accept() })
      await carrier.dial(target, NOBODY, NEVER)
      await carrier.listen(loopback7000, { replace: true }, (incoming) => incoming.refuse())
      const waiting = carrier.listen({ ...loopback7000, port: 'auto' }, { replace: true }, () => {})
      waiting.catch(() => {})
      peer.send(number, ...rest)
      peer.socket.end()
      expectPrintable(await lossOf(carrier))
    }
  })
})
