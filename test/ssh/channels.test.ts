import { once } from 'node:events'
import { connect as netConnect } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { DialTarget } from '../../src/model/address.ts'
import { problemOf } from '../../src/model/problem.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startEcho, startEchoAfterEnd, startServer, startSink, startSource } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import {
  exchange,
  hostFor,
  NEVER,
  NOBODY,
  open,
  problemFrom,
  readAll,
  tenMegabytes,
  whileFrozen,
} from './support.ts'

const tcp = (port: number, host = '127.0.0.1'): DialTarget => ({ kind: 'tcp', host, port })

describe('dial', () => {
  test('10 MB arrive unchanged in both directions, over TCP and over a Unix socket', async () => {
    const path = testFolder().join('echo.sock')
    const [server, echo] = await Promise.all([startSshd(), startEcho(), startEcho({ path })])
    const carrier = await open(hostFor(server))
    for (const target of [tcp(echo.port), { kind: 'unix' as const, path }]) {
      const { stream } = await carrier.dial(target, NOBODY, NEVER)
      const back = await exchange(stream, tenMegabytes)
      expect(back.equals(tenMegabytes)).toBe(true)
    }
    expect(server.connections()).toBe(1)
  })

  test('new keys in the middle of it change nothing', async () => {
    const [server, echo] = await Promise.all([startSshd({ config: ['RekeyLimit 1M'] }), startEcho()])
    const carrier = await open(hostFor(server))
    const { stream } = await carrier.dial(tcp(echo.port), NOBODY, NEVER)
    expect((await exchange(stream, tenMegabytes)).equals(tenMegabytes)).toBe(true)
  })

  test('compression carries the same bytes', async () => {
    const [server, echo] = await Promise.all([startSshd(), startEcho()])
    const carrier = await open(hostFor(server, { compression: true }))
    const { stream } = await carrier.dial(tcp(echo.port), NOBODY, NEVER)
    const content = Buffer.from('the same again and again '.repeat(40_000))
    expect((await exchange(stream, content)).equals(content)).toBe(true)
  })

  test('an end goes one way: the answer to it still arrives', async () => {
    const [server, echo] = await Promise.all([startSshd(), startEchoAfterEnd()])
    const carrier = await open(hostFor(server))
    const { stream } = await carrier.dial(tcp(echo.port), NOBODY, NEVER)
    const content = tenMegabytes.subarray(0, 200_000)
    expect((await exchange(stream, content)).equals(content)).toBe(true)
    await eventually(() => stream.destroyed && echo.open() === 0)
  })

  test('the end of the target does not cut what we still send', async () => {
    const sink = await startServer((socket) => {
      socket.end('bye')
      socket.on('data', (chunk: Buffer) => {
        received += chunk.length
      })
    })
    let received = 0
    const carrier = await open(hostFor(await startSshd()))
    const { stream } = await carrier.dial(tcp(sink.port), NOBODY, NEVER)
    expect((await readUntilEnd(stream)).toString()).toBe('bye')
    expect(stream.destroyed).toBe(false)
    stream.end(tenMegabytes)
    await eventually(() => received === tenMegabytes.length)
  })

  test('abort closes the channel at once, and the target sees it', async () => {
    const [server, echo] = await Promise.all([startSshd(), startEcho()])
    const carrier = await open(hostFor(server))
    const connection = await carrier.dial(tcp(echo.port), NOBODY, NEVER)
    expect(echo.open()).toBe(1)
    connection.abort()
    connection.abort()
    expect(connection.stream.destroyed).toBe(true)
    await eventually(() => echo.open() === 0)
  })

  test('a reader that stops holds the sender back, and a hundred others go on', async () => {
    const [server, source, echo] = await Promise.all([startSshd(), startSource(tenMegabytes), startEcho()])
    const carrier = await open(hostFor(server))
    const { stream: slow } = await carrier.dial(tcp(source.port), NOBODY, NEVER)
    const others = await Promise.all(
      Array.from({ length: 100 }, () => carrier.dial(tcp(echo.port), NOBODY, NEVER)),
    )
    const content = tenMegabytes.subarray(0, 100_000)
    const answers = await Promise.all(others.map(({ stream }) => exchange(stream, content)))
    expect(answers.every((answer) => answer.equals(content))).toBe(true)
    // Its window is 2 MiB: the rest has stayed on the other side.
    expect(slow.readableLength).toBeLessThan(3 * 1024 * 1024)
    expect((await readAll(slow)).equals(tenMegabytes)).toBe(true)
  })

  test('a connection that takes nothing more holds every channel back', async () => {
    const [server, sink] = await Promise.all([startSshd(), startSink()])
    const socket = netConnect(server.port, '127.0.0.1')
    const carrier = await open(hostFor(server), { openStream: async () => socket })
    const connections = await Promise.all(
      Array.from({ length: 20 }, () => carrier.dial(tcp(sink.port), NOBODY, NEVER)),
    )
    await whileFrozen(server, async () => {
      const chunk = tenMegabytes.subarray(0, 64 * 1024)
      for (const { stream } of connections) for (let i = 0; i < 32; i++) stream.write(chunk)
      await eventually(() => socket.writableLength > 1024 * 1024)
      // Their windows alone would let 40 MiB through.
      expect(socket.writableLength).toBeLessThan(8 * 1024 * 1024)
    })
    for (const { stream } of connections) stream.end()
    await eventually(() => sink.received() === 20 * 32 * 64 * 1024)
  })

  test('who gives up while it opens gets no channel, and leaves none', async () => {
    const [server, echo] = await Promise.all([startSshd(), startEcho()])
    const carrier = await open(hostFor(server))
    const controller = new AbortController()
    const dialled = carrier.dial(tcp(echo.port), NOBODY, controller.signal)
    controller.abort(new Error('changed my mind'))
    await expect(dialled).rejects.toThrow('changed my mind')
    // Until the server has said what became of it, it is one that it still opens.
    expect(carrier.unanswered!(tcp(echo.port))).toBe(1)
    await eventually(() => echo.connections() === 1 && echo.open() === 0)
    await eventually(() => carrier.unanswered!(tcp(echo.port)) === 0)
  })
})

describe('why a dial fails', () => {
  test('nobody listens, a name is not known, a socket is not there', async () => {
    const folder = testFolder()
    const carrier = await open(hostFor(await startSshd()))
    const fail = (target: DialTarget) => problemFrom(carrier.dial(target, NOBODY, NEVER))
    expect(await fail(tcp(await freePort()))).toMatchObject({ code: 'TARGET_REFUSED' })
    expect(await fail(tcp(80, 'no-such-name.invalid'))).toMatchObject({ code: 'TARGET_UNRESOLVED' })
    expect(await fail({ kind: 'unix', path: folder.join('none') })).toMatchObject({ code: 'TARGET_REFUSED' })
    expect(carrier.closed.aborted).toBe(false)
  })

  const policies: [string[], 'open' | 'FORWARD_PROHIBITED'][] = [
    [['AllowTcpForwarding yes'], 'open'],
    [['AllowTcpForwarding local'], 'open'],
    [['AllowTcpForwarding remote'], 'FORWARD_PROHIBITED'],
    [['AllowTcpForwarding no'], 'FORWARD_PROHIBITED'],
    [['PermitOpen none'], 'FORWARD_PROHIBITED'],
    [['PermitOpen 127.0.0.1:1'], 'FORWARD_PROHIBITED'],
    [['PermitOpen 127.0.0.1:*'], 'open'],
    [['AllowTcpForwarding remote', 'PermitOpen any'], 'FORWARD_PROHIBITED'],
    [['DisableForwarding yes'], 'FORWARD_PROHIBITED'],
  ]
  test.each(policies)('%j: %s', async (config, expected) => {
    const [server, echo] = await Promise.all([startSshd({ config }), startEcho()])
    const carrier = await open(hostFor(server))
    const outcome = carrier.dial(tcp(echo.port), NOBODY, NEVER)
    if (expected === 'open') return expect((await outcome).stream.destroyed).toBe(false)
    const problem = await problemFrom(outcome)
    expect(problem.code).toBe(expected)
    expect(problem.hint).toMatch(/AllowTcpForwarding and PermitOpen/)
    expect(carrier.closed.aborted).toBe(false)
  })

  test('Unix sockets have a setting of their own', async () => {
    const path = testFolder().join('echo.sock')
    const [server] = await Promise.all([
      startSshd({ config: ['AllowStreamLocalForwarding no'] }),
      startEcho({ path }),
    ])
    const carrier = await open(hostFor(server))
    const problem = await problemFrom(carrier.dial({ kind: 'unix', path }, NOBODY, NEVER))
    // OpenSSH does not tell the two apart.
    expect(problem).toMatchObject({ code: 'TARGET_REFUSED' })
    expect(problem.hint).toContain('AllowStreamLocalForwarding')
  })
})

describe('when the connection is lost', () => {
  test('every channel ends with an error, idle or busy, and so does what comes after', async () => {
    const [server, echo, source] = await Promise.all([startSshd(), startEcho(), startSink()])
    const carrier = await open(hostFor(server))
    const targets = [tcp(echo.port), tcp(source.port), tcp(echo.port)]
    const connections = await Promise.all(targets.map((target) => carrier.dial(target, NOBODY, NEVER)))
    const errors = connections.map(({ stream }) => once(stream.resume(), 'error'))
    connections[1]!.stream.write(tenMegabytes)
    const ended: boolean[] = []
    for (const { stream } of connections) stream.once('end', () => ended.push(true))
    await server.killSessions()
    const codes = (await Promise.all(errors)).map(([error]) => problemOf(error).code)
    expect(codes).toEqual(['HOST_LOST', 'HOST_LOST', 'HOST_LOST'])
    expect(ended).toEqual([])
    expect(problemOf(carrier.closed.reason).code).toBe('HOST_LOST')
    expect((await problemFrom(carrier.dial(tcp(echo.port), NOBODY, NEVER))).code).toBe('HOST_LOST')
  })

  test('close ends everything on it, and says that it was us', async () => {
    const [server, echo] = await Promise.all([startSshd(), startEcho()])
    const carrier = await open(hostFor(server))
    const { stream } = await carrier.dial(tcp(echo.port), NOBODY, NEVER)
    let times = 0
    carrier.closed.addEventListener('abort', () => times++)
    carrier.close()
    carrier.close()
    expect(stream.destroyed).toBe(true)
    expect(problemOf(carrier.closed.reason).summary).toBe('The connection to acme was closed')
    await eventually(() => server.sessions().length === 0)
    expect(times).toBe(1)
  })
})

/** As `readAll`, without destroying the stream at its end. */
async function readUntilEnd(stream: import('node:stream').Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk))
  await once(stream, 'end')
  return Buffer.concat(chunks)
}
