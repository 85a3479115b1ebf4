// What a forward promises besides carrying: where it listens, whom it takes, what it counts, and that a failure
// never looks like a success.

import type { NetConnectOpts, Socket } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort, freePorts, hasIpv6 } from '../helpers/ports.ts'
import { startDigest, startEcho, startServer, startSource } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { converse, heard, open, sha256, someBytes } from './bytes.ts'
import { forwardOf, forwardWhen, projectVia } from './project-via.ts'

const onLinux = test.skipIf(process.platform !== 'linux')
const withIpv6 = test.skipIf(!(await hasIpv6()))

/** Loopback of this machine as well, but nobody who listens on 127.0.0.1 alone is there. Linux has all of 127/8. */
const ELSEWHERE = '127.0.0.2'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

describe('where it listens', () => {
  withIpv6('a bare port is both loopbacks, and nothing else', async () => {
    const [echo, port] = await Promise.all([startEcho(), freePort()])
    const cli = projectVia(sshd, { it: { local: port, to: `127.0.0.1:${echo.port}` } })
    await cli.up()
    expect((await forwardOf(cli, 'it')).listen).toEqual([`127.0.0.1:${port}`, `[::1]:${port}`])
    for (const host of ['127.0.0.1', '::1'])
      expect(String(await converse(await open({ host, port }), `to ${host}`))).toBe(`to ${host}`)
    if (process.platform === 'linux') expect(await failureOf({ host: ELSEWHERE, port })).toBe('ECONNREFUSED')
  })

  onLinux('a wildcard is every address of this machine', async () => {
    const [echo, port] = await Promise.all([startEcho(), freePort()])
    const cli = projectVia(sshd, { it: { local: `*:${port}`, to: `127.0.0.1:${echo.port}` } })
    await cli.up()
    expect((await forwardOf(cli, 'it')).listen).toEqual([`*:${port}`])
    for (const host of ['127.0.0.1', ELSEWHERE, ...((await hasIpv6()) ? ['::1'] : [])])
      expect(String(await converse(await open({ host, port }), `to ${host}`))).toBe(`to ${host}`)
  })

  onLinux('an address is that address alone', async () => {
    const [echo, port] = await Promise.all([startEcho(), freePort()])
    const cli = projectVia(sshd, { it: { local: `${ELSEWHERE}:${port}`, to: `127.0.0.1:${echo.port}` } })
    await cli.up()
    expect(String(await converse(await open({ host: ELSEWHERE, port }), 'hello'))).toBe('hello')
    expect(await failureOf(port)).toBe('ECONNREFUSED')
  })

  test('`auto` is a free port that stays the same over down and up', async () => {
    const echo = await startEcho()
    const to = `127.0.0.1:${echo.port}`
    const cli = projectVia(sshd, { one: { local: 'auto', to }, two: { dynamic: 0 } })
    await cli.up()
    const first = (await cli.status()).forwards.map(({ listen }) => listen)
    const port = Number(first[0]![0]!.split(':').at(-1))
    expect(port).toBeGreaterThan(0)
    expect(String(await converse(await open(port), 'hello'))).toBe('hello')
    await cli.down()
    expect(await failureOf(port)).toBe('ECONNREFUSED')
    await cli.up()
    expect((await cli.status()).forwards.map(({ listen }) => listen)).toEqual(first)
    expect(String(await converse(await open(port), 'again'))).toBe('again')
  })

  test('a remote `auto` shows the port that the server chose, and has the same after a reconnect', async () => {
    const [own, echo] = await Promise.all([startSshd(), startEcho()])
    const cli = projectVia(own, { it: { remote: 'auto', to: `127.0.0.1:${echo.port}` } })
    await cli.up()
    const { listen } = await forwardOf(cli, 'it')
    expect(listen).toEqual([expect.stringMatching(/^localhost:\d+$/)])
    const port = Number(listen[0]!.split(':')[1])
    expect(String(await converse(await open(port), 'hello'))).toBe('hello')

    await own.killSessions()
    await eventually(async () => expect(String(await converse(await open(port), 'again'))).toBe('again'))
    expect((await forwardOf(cli, 'it')).listen).toEqual(listen)
  })
})

describe('a target that does not answer', () => {
  test('resets a TCP client; the forward stays open, counts it and says why', async () => {
    const [port, nobody] = await freePorts(2)
    const cli = projectVia(sshd, { it: { local: port, to: `127.0.0.1:${nobody}` } })
    await cli.up()
    expect(await failureOf(port!)).toBe('ECONNRESET')
    const { state, connections, problem } = await forwardWhen(cli, 'it', (it) => it.connections.failed === 1)
    expect({ state, connections }).toEqual({
      state: 'open',
      connections: { active: 0, draining: 0, total: 1, failed: 1, refused: 0 },
    })
    expect(problem).toMatchObject({ code: 'TARGET_REFUSED' })

    const late = await startSource('there after all', { port: nobody! })
    expect(String(await converse(await open(port!)))).toBe('there after all')
    expect(late.connections()).toBe(1)
    expect(await forwardOf(cli, 'it')).toMatchObject({ problem: null, connections: { total: 2, failed: 1 } })
  })

  test('hangs up on a Unix client without a byte', async () => {
    const [folder, nobody] = [testFolder(), await freePort()]
    const path = folder.join('it.sock')
    const cli = projectVia(sshd, { it: { local: path, to: `127.0.0.1:${nobody}` } })
    await cli.up()
    const said = await heard(await open(path)).catch(() => Buffer.alloc(0))
    expect(said.length).toBe(0)
    await forwardWhen(cli, 'it', ({ state, connections }) => state === 'open' && connections.failed === 1)
  })

  test('behind a remote forward hangs up on the far client without a byte', async () => {
    const [port, nobody] = await freePorts(2)
    const cli = projectVia(sshd, { it: { remote: port, to: `127.0.0.1:${nobody}` } })
    await cli.up()
    const said = await heard(await open(port!)).catch(() => Buffer.alloc(0))
    expect(said.length).toBe(0)
    const it = await forwardWhen(cli, 'it', ({ connections }) => connections.failed === 1)
    expect(it).toMatchObject({ state: 'open', problem: { code: 'TARGET_REFUSED' } })
  })

  test('names that the far side does not know are told from ports where nobody listens', async () => {
    const port = await freePort()
    const cli = projectVia(sshd, { it: { local: port, to: 'no-such-name.invalid:80' } })
    await cli.up()
    expect(await failureOf(port)).toBe('ECONNRESET')
    const it = await forwardWhen(cli, 'it', ({ connections }) => connections.failed === 1)
    expect(it.problem).toMatchObject({ code: 'TARGET_UNRESOLVED' })
  })
})

describe('a connection that breaks', () => {
  test('with the SSH session is reset at both ends, and the forwards come back by themselves', async () => {
    const own = await startSshd()
    const seen: Promise<string>[] = []
    const server = await startServer((socket) => {
      socket.write('so far ')
      seen.push(heard(socket).then(String, codeOf))
    })
    const [local, remote, dynamic] = await freePorts(3)
    const path = testFolder().join('it.sock')
    const to = `127.0.0.1:${server.port}`
    const cli = projectVia(own, {
      l: { local, to },
      unix: { local: path, to },
      r: { remote, to },
      d: { dynamic },
    })
    await cli.up()
    const clients: Socket[] = []
    for (const door of [local!, path, remote!]) {
      const client = await open(door)
      await next(client)
      clients.push(client)
    }
    const [lost, unixLost] = clients.map((client) => heard(client).catch(codeOf))
    await own.killSessions()
    expect(await lost).toBe('ECONNRESET')
    expect(await unixLost).toBe('EPIPE')
    // What the target of a local forward sees is sshd's doing, that of the remote one is ours.
    expect(seen).toHaveLength(3)
    expect(await seen[2]).toBe('ECONNRESET')

    await forwardWhen(cli, 'r', ({ state }) => state === 'open')
    const status = await cli.status()
    expect(status.hosts[0]).toMatchObject({ state: 'open', reconnects: 1, problem: null })
    expect(status.forwards.map(({ state }) => state)).toEqual(['open', 'open', 'open', 'open'])
    expect(status.forwards.map(({ connections }) => connections.active)).toEqual([0, 0, 0, 0])
    for (const door of [local!, path, remote!]) {
      const socket = await open(door)
      expect(String(await next(socket))).toBe('so far ')
      socket.destroy()
    }
  })

  test('in the middle of a transfer is not an end', async () => {
    const own = await startSshd()
    const endless = await startServer((socket) => pour(socket))
    const port = await freePort()
    const cli = projectVia(own, { it: { local: port, to: `127.0.0.1:${endless.port}` } })
    await cli.up()
    const socket = await open(port)
    const ended = heard(socket).then(() => 'a proper end', codeOf)
    await eventually(() => socket.bytesRead > 4_000_000)
    await own.killSessions()
    expect(await ended).toBe('ECONNRESET')
    await forwardWhen(cli, 'it', ({ state, connections }) => state === 'open' && connections.active === 0)
    expect((await next(await open(port))).length).toBeGreaterThan(0)
  })

  test('by the target is an end for the client, as with ssh, after all that came before it', async () => {
    const sent = someBytes(100_000)
    const server = await startServer((socket) => {
      socket.write(sent)
      socket.once('data', () => socket.resetAndDestroy())
    })
    const port = await freePort()
    const cli = projectVia(sshd, { it: { local: port, to: `127.0.0.1:${server.port}` } })
    await cli.up()
    const socket = await open(port)
    const said = heard(socket)
    await eventually(() => socket.bytesRead === sent.length)
    socket.write('and now')
    expect((await said).equals(sent)).toBe(true)
    socket.end()
    await forwardWhen(cli, 'it', ({ connections }) => connections.active === 0 && connections.failed === 0)
  })

  test('by the client is no connection any more, for the target neither', async () => {
    const server = await startServer((socket) => pour(socket))
    const port = await freePort()
    const cli = projectVia(sshd, { it: { local: port, to: `127.0.0.1:${server.port}` } })
    await cli.up()
    const socket = await open(port)
    await next(socket)
    expect(server.open()).toBe(1)
    socket.resetAndDestroy()
    await eventually(() => server.open() === 0)
    await forwardWhen(cli, 'it', ({ state, connections }) => state === 'open' && connections.active === 0)
  })
})

describe('whom it takes', () => {
  onLinux('allow_from resets everybody else, and counts them', async () => {
    const [echo, [local, remote]] = await Promise.all([startEcho(), freePorts(2)])
    const forward = { to: `127.0.0.1:${echo.port}`, allow_from: [`${ELSEWHERE}/32`] }
    const cli = projectVia(sshd, { l: { local, ...forward }, r: { remote, ...forward } })
    await cli.up()
    const from = (localAddress: string, port: number): NetConnectOpts => ({
      host: '127.0.0.1',
      port,
      localAddress,
    })
    for (const port of [local!, remote!])
      expect(String(await converse(await open(from(ELSEWHERE, port)), 'let me in'))).toBe('let me in')
    expect(await failureOf(from('127.0.0.3', local!), 'me too')).toBe('ECONNRESET')
    const said = await converse(await open(from('127.0.0.3', remote!)), 'me too').catch(() => Buffer.alloc(0))
    expect(said.length).toBe(0)
    const counts = { active: 0, draining: 0, total: 2, failed: 0, refused: 1 }
    for (const name of ['l', 'r']) {
      const it = await forwardWhen(cli, name, ({ connections }) => connections.refused === 1)
      expect(it).toMatchObject({ state: 'open', connections: counts, problem: null })
    }
    expect(echo.connections()).toBe(2)
  })

  test('max_connections resets the one too many, says so, and takes the next when there is room', async () => {
    const [echo, port] = await Promise.all([startEcho(), freePort()])
    const cli = projectVia(sshd, { it: { local: port, to: `127.0.0.1:${echo.port}`, max_connections: 2 } })
    await cli.up()
    const held = [await open(port), await open(port)]
    for (const socket of held) {
      socket.write('here')
      await next(socket)
    }
    expect(await failureOf(port, 'me too')).toBe('ECONNRESET')
    expect(await forwardOf(cli, 'it')).toMatchObject({
      state: 'open',
      connections: { active: 2, total: 3, refused: 1 },
      problem: { code: 'LIMIT_REACHED' },
    })
    await converse(held[0]!)
    await forwardWhen(cli, 'it', ({ connections, problem }) => connections.active === 1 && problem === null)
    expect(String(await converse(await open(port), 'now'))).toBe('now')
    await converse(held[1]!)
  })
})

describe('what it counts', () => {
  test('bytes that came and left through SSH, while they flow and afterwards', async () => {
    const [up, down] = [someBytes(1_000), someBytes(5_000)]
    const [server, [local, remote]] = await Promise.all([startDigest(down), freePorts(2)])
    const to = `127.0.0.1:${server.port}`
    const cli = projectVia(sshd, { l: { local, to }, r: { remote, to } })
    await cli.up()
    const expected = Buffer.concat([down, Buffer.from(sha256(up))])
    const back = expected.length
    for (const port of [local!, remote!])
      expect((await converse(await open(port), up)).equals(expected)).toBe(true)
    const isOver = ({ connections }: { connections: { active: number } }) => connections.active === 0
    expect((await forwardWhen(cli, 'l', isOver)).bytes).toEqual({ in: back, out: up.length })
    expect((await forwardWhen(cli, 'r', isOver)).bytes).toEqual({ in: up.length, out: back })

    const socket = await open(local!)
    socket.write(up)
    const during = await forwardWhen(cli, 'l', ({ bytes }) => bytes.out === 2 * up.length)
    expect(during.connections).toEqual({ active: 1, draining: 0, total: 2, failed: 0, refused: 0 })
    await converse(socket)
  })
})

describe('a Unix socket that was left behind', () => {
  test('on the server is replaced when the connection comes back', async () => {
    const [own, echo] = await Promise.all([startSshd(), startEcho()])
    const path = testFolder().join('far.sock')
    const cli = projectVia(own, { it: { remote: path, to: `127.0.0.1:${echo.port}` } })
    await cli.up()
    expect(String(await converse(await open(path), 'hello'))).toBe('hello')
    await own.killSessions()
    await eventually(async () => expect(String(await converse(await open(path), 'again'))).toBe('again'))
    expect(await forwardOf(cli, 'it')).toMatchObject({ state: 'open', listen: [path], problem: null })
  })

  test('on the server stays where `replace` is false, and the problem names the setting', async () => {
    const [echo, folder] = [await startEcho(), testFolder()]
    const path = folder.join('far.sock')
    const to = `127.0.0.1:${echo.port}`
    const own = await startSshd()
    const cli = projectVia(own, { it: { remote: path, to, socket: { replace: false } } })
    await cli.up()
    await own.killSessions()
    const it = await forwardWhen(cli, 'it', ({ problem }) => problem?.code === 'FORWARD_PROHIBITED')
    expect(it).toMatchObject({
      state: 'failed',
      problem: { hint: expect.stringContaining('StreamLocalBindUnlink') },
    })
  })

  test('here by a killed supervisor is replaced by the next', async () => {
    const echo = await startEcho()
    const path = testFolder().join('near.sock')
    const cli = projectVia(sshd, { it: { local: path, to: `127.0.0.1:${echo.port}` } })
    await cli.up()
    process.kill((await cli.status()).supervisor.pid, 'SIGKILL')
    await eventually(async () => (await failureOf(path)) === 'ECONNREFUSED')
    await cli.up()
    expect(String(await converse(await open(path), 'hello'))).toBe('hello')
  })
})

/** The next bytes that come. */
function next(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    socket.once('data', (chunk: Buffer) => {
      socket.pause()
      resolve(chunk)
    })
    socket.once('error', reject)
    socket.resume()
  })
}

/** Writes for as long as somebody takes it. */
function pour(socket: Socket): void {
  const chunk = someBytes(65_536)
  const more = () => {
    while (socket.writable && socket.write(chunk));
  }
  socket.on('drain', more).on('end', () => socket.end())
  socket.resume()
  more()
}

function codeOf(error: NodeJS.ErrnoException): string {
  return error.code ?? error.message
}
