import { once } from 'node:events'
import { existsSync, writeFileSync } from 'node:fs'
import { connect as netConnect, type Socket } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Carrier, Incoming } from '../../src/forward/carrier.ts'
import type { Bind, ListenSpec } from '../../src/model/address.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort, hasIpv6 } from '../helpers/ports.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { exchange, hostFor, open, problemFrom, tenMegabytes } from './support.ts'

const tcp = (port: number | 'auto', bind: Bind = 'loopback'): ListenSpec => ({ kind: 'tcp', bind, port })
const unix = (path: string): ListenSpec => ({ kind: 'unix', path })
const KEEP = { replace: false }
const REPLACE = { replace: true }
const echo = (incoming: Incoming) => {
  const { stream } = incoming.accept()
  stream.pipe(stream)
}

describe('listening on the host', () => {
  test('10 MB there and back, over TCP and over a Unix socket', async () => {
    const path = testFolder().join('there.sock')
    const carrier = await open(hostFor(await startSshd()))
    for (const listen of [tcp('auto'), unix(path)]) {
      const listener = await carrier.listen(listen, KEEP, echo)
      const client = await dialLocal(
        listen.kind === 'unix' ? { path } : { port: listener.port, host: '127.0.0.1' },
      )
      expect((await exchange(client, tenMegabytes)).equals(tenMegabytes)).toBe(true)
    }
  })

  test('says where it listens, with the port that the server chose, and who comes', async () => {
    const carrier = await open(hostFor(await startSshd({ config: ['GatewayPorts clientspecified'] })))
    const port = await freePort()
    const fixed = await carrier.listen(tcp(port), KEEP, echo)
    expect(fixed).toMatchObject({ address: `localhost:${port}`, port })
    const from: Incoming['from'][] = []
    const any = await carrier.listen(tcp('auto', 'any'), KEEP, (incoming) => {
      from.push(incoming.from)
      incoming.accept().abort()
    })
    expect(any.address).toBe(`*:${any.port}`)
    const exact = await carrier.listen(tcp('auto', { address: '127.0.0.1' }), KEEP, echo)
    expect(exact.address).toBe(`127.0.0.1:${exact.port}`)
    const client = await dialLocal({ port: any.port, host: '127.0.0.1' })
    await eventually(() => from.length === 1)
    expect(from[0]).toEqual({ address: '127.0.0.1', port: client.localPort })
  })

  test('a refused client is hung up on, and the listener stays', async () => {
    const carrier = await open(hostFor(await startSshd()))
    let knocks = 0
    const listener = await carrier.listen(tcp('auto'), KEEP, (incoming) => {
      knocks++
      incoming.refuse()
    })
    for (const expected of [1, 2]) {
      const client = await dialLocal({ port: listener.port, host: '127.0.0.1' })
      client.resume()
      await once(client, 'end')
      client.end()
      expect(client.bytesRead).toBe(0)
      expect(knocks).toBe(expected)
    }
  })

  test('close frees the port and lets open connections live', async () => {
    const carrier = await open(hostFor(await startSshd()))
    const port = await freePort()
    const listener = await carrier.listen(tcp(port), KEEP, echo)
    const client = await dialLocal({ port, host: '127.0.0.1' })
    client.write('a')
    await eventually(() => client.bytesRead === 1)
    await listener.close()
    await listener.close()
    await expect(dialLocal({ port, host: '127.0.0.1' })).rejects.toThrow('ECONNREFUSED')
    expect((await exchange(client, Buffer.from('b'))).toString()).toBe('ab')
    await (await carrier.listen(tcp(port), KEEP, echo)).close()
  })

  test('the file of a Unix listener goes with it', async () => {
    const folder = testFolder()
    const carrier = await open(hostFor(await startSshd()))
    const listener = await carrier.listen(unix(folder.join('a.sock')), KEEP, echo)
    expect(existsSync(folder.join('a.sock'))).toBe(true)
    await listener.close()
    expect(existsSync(folder.join('a.sock'))).toBe(false)
    await (await carrier.listen(unix(folder.join('a.sock')), KEEP, echo)).close()
  })

  test('who knocked is gone with the connection, and a late answer harms nobody', async () => {
    const server = await startSshd()
    const carrier = await open(hostFor(server))
    const knocked: Incoming[] = []
    const listener = await carrier.listen(tcp('auto'), KEEP, (incoming) => knocked.push(incoming))
    await dialLocal({ port: listener.port, host: '127.0.0.1' })
    await dialLocal({ port: listener.port, host: '127.0.0.1' })
    await eventually(() => knocked.length === 2)
    expect(knocked[0]!.gone.aborted).toBe(false)
    await server.killSessions()
    await eventually(() => knocked.every(({ gone }) => gone.aborted))
    expect(knocked[0]!.accept().stream.destroyed).toBe(true)
    knocked[1]!.refuse()
    await listener.close()
  })
})

describe('why the host does not listen', () => {
  test('a port that another session holds', async () => {
    const server = await startSshd()
    const [first, second] = [await open(hostFor(server)), await open(hostFor(server))]
    const { port } = await first.listen(tcp('auto'), KEEP, echo)
    const problem = await problemFrom(second.listen(tcp(port), KEEP, echo))
    expect(problem).toMatchObject({ code: 'REMOTE_PORT_IN_USE' })
    expect(problem.hint).toContain('ClientAliveInterval')
    first.close()
    await eventually(() => second.listen(tcp(port), KEEP, echo))
  })

  const policies: [string[], 'open' | 'FORWARD_PROHIBITED' | 'REMOTE_PORT_IN_USE'][] = [
    [['AllowTcpForwarding yes'], 'open'],
    [['AllowTcpForwarding remote'], 'open'],
    [['AllowTcpForwarding local'], 'FORWARD_PROHIBITED'],
    [['AllowTcpForwarding no'], 'FORWARD_PROHIBITED'],
    [['PermitListen none'], 'FORWARD_PROHIBITED'],
    [['PermitListen 1'], 'FORWARD_PROHIBITED'],
    [['PermitListen localhost:PORT'], 'open'],
    [['PermitListen PORT'], 'open'],
    [['AllowTcpForwarding local', 'PermitListen PORT'], 'FORWARD_PROHIBITED'],
    [['DisableForwarding yes'], 'FORWARD_PROHIBITED'],
  ]
  test.each(policies)('%j: %s', async (lines, expected) => {
    const port = await freePort()
    const server = await startSshd({ config: lines.map((line) => line.replace('PORT', String(port))) })
    const carrier = await open(hostFor(server))
    const outcome = carrier.listen(tcp(port), KEEP, echo)
    if (expected === 'open') return expect((await outcome).port).toBe(port)
    const problem = await problemFrom(outcome)
    expect(problem.code).toBe(expected)
    expect(problem.hint).toMatch(/AllowTcpForwarding, PermitListen/)
    // Only one other port was asked for: PermitListen may name a third one.
    expect(problem.detail).toContain('a port of its own choice')
    expect(problem.detail).not.toMatch(/any other/)
  })

  test('PermitListen allows the port, but another program has it', async () => {
    const port = await freePort()
    // Both: sshd is content with one of the two loopbacks.
    await startEcho({ port })
    if (await hasIpv6()) await startEcho({ host: '::1', port })
    const carrier = await open(hostFor(await startSshd({ config: [`PermitListen ${port}`] })))
    expect((await problemFrom(carrier.listen(tcp(port), KEEP, echo))).code).toBe('REMOTE_PORT_IN_USE')
  })

  test('an address that is not that machine', async () => {
    const carrier = await open(hostFor(await startSshd({ config: ['GatewayPorts clientspecified'] })))
    const listen = tcp(await freePort(), { address: '203.0.113.7' })
    const problem = await problemFrom(carrier.listen(listen, KEEP, echo))
    expect(problem.code).toBe('FORWARD_PROHIBITED')
    expect(problem.detail).toContain('203.0.113.7 is no address of that machine')
  })
})

describe('a path that is taken on the host', () => {
  test('a stale socket is replaced, only where that is wished', async () => {
    const { carrier, path } = await withStaleSocket()
    const problem = await problemFrom(carrier.listen(unix(path), KEEP, echo))
    expect(problem.code).toBe('FORWARD_PROHIBITED')
    expect(problem.hint).toContain('StreamLocalBindUnlink')
    await carrier.listen(unix(path), REPLACE, echo)
    const client = await dialLocal({ path })
    expect((await exchange(client, Buffer.from('hello'))).toString()).toBe('hello')
  })

  test('a live one never is, not even where we may not dial it', async () => {
    for (const config of [[], ['AllowStreamLocalForwarding remote']]) {
      const path = testFolder().join('live.sock')
      await startEcho({ path })
      const carrier = await open(hostFor(await startSshd({ config })))
      const problem = await problemFrom(carrier.listen(unix(path), REPLACE, echo))
      expect(problem.code).toBe(config.length === 0 ? 'REMOTE_PORT_IN_USE' : 'FORWARD_PROHIBITED')
      const client = await dialLocal({ path })
      expect((await exchange(client, Buffer.from('alive'))).toString()).toBe('alive')
    }
  })

  test('a file never is', async () => {
    const path = testFolder().write('precious', 'content')
    const carrier = await open(hostFor(await startSshd()))
    const problem = await problemFrom(carrier.listen(unix(path), REPLACE, echo))
    expect(problem.detail).toContain('no socket')
    expect(existsSync(path)).toBe(true)
  })
})

async function withStaleSocket(): Promise<{ carrier: Carrier; path: string }> {
  const path = testFolder().join('stale.sock')
  const server = await startSshd()
  const before = await open(hostFor(server))
  await before.listen(unix(path), KEEP, echo)
  await server.killSessions()
  await eventually(() => before.closed.aborted)
  writeFileSync(`${path}.is-a-neighbour`, '')
  expect(existsSync(path)).toBe(true)
  return { carrier: await open(hostFor(server)), path }
}

function dialLocal(where: { path: string } | { host: string; port: number }): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = netConnect({ ...where, allowHalfOpen: true })
    socket.once('connect', () => resolve(socket)).once('error', reject)
  })
}
