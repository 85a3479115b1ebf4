// The examples that listen here, each with the bytes that arrive.

import { mkdirSync, statSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exchange, failureOf, fetchText } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import { example } from '../../helpers/example.ts'
import { freePort, freePorts, hasIpv6 } from '../../helpers/ports.ts'
import { startEcho, startHttp, startSource } from '../../helpers/servers.ts'
import { startSshd } from '../../helpers/sshd.ts'

test('01: -L in its short form reaches a web server behind the host, on both loopbacks', async () => {
  const [sshd, web, local] = await Promise.all([startSshd(), startHttp(() => 'from behind'), freePort()])
  const tunnels = example('01-local.yaml', {
    sshd,
    forwards: { web: { local, to: `127.0.0.1:${web.port}` } },
  })
  await tunnels.up()
  expect(await fetchText(local)).toBe('from behind')
  if (await hasIpv6()) expect(await fetchText(local, '/', '::1')).toBe('from behind')
  await tunnels.down()
  expect(await failureOf(local)).toBe('ECONNREFUSED')
})

test('02: with an address in front it listens on that address alone', async () => {
  const [sshd, web, local] = await Promise.all([startSshd(), startHttp(() => 'one address'), freePort()])
  const forwards = { web: { local: `127.0.0.1:${local}`, to: `127.0.0.1:${web.port}` } }
  const tunnels = example('02-bind-address.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await fetchText(local)).toBe('one address')
  expect((await tunnels.status()).forwards[0]!.listen).toEqual([`127.0.0.1:${local}`])
  expect(await failureOf({ host: '127.0.0.2', port: local })).toBe('ECONNREFUSED')
})

test('03: 127.0.0.1 in `to` is the host itself', async () => {
  const greeting = Buffer.from('J\0\0\0\n8.0.36\0')
  const [sshd, mysql, local] = await Promise.all([startSshd(), startSource(greeting), freePort()])
  const forwards = { mysql: { local, to: `127.0.0.1:${mysql.port}` } }
  const tunnels = example('03-database-on-the-host.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await exchange(local)).toEqual(greeting)
})

test('04: several forwards share one SSH connection', async () => {
  const [sshd, echo, ports] = await Promise.all([startSshd(), startEcho(), freePorts(3)])
  const to = `127.0.0.1:${echo.port}`
  const [intranet, postgres, redis] = ports.map((local) => ({ local, to }))
  const forwards = { intranet: intranet!, postgres: postgres!, redis: redis! }
  const tunnels = example('04-several-forwards.yaml', { sshd, forwards })
  await tunnels.up()
  for (const port of ports)
    expect(await exchange(port, `through ${port}`)).toEqual(Buffer.from(`through ${port}`))
  expect(sshd.connections()).toBe(1)
})

test('06: the Host header is the one that the web server knows', async () => {
  const [sshd, web, local] = await Promise.all([startSshd(), startHttp(), freePort()])
  const forwards = { web: { local, to: `127.0.0.1:${web.port}` } }
  const tunnels = example('06-virtual-host.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await fetchText(local, '/page')).toBe('GET /page host=zaiste.net\n')
})

test('07: Unix sockets on either side, in either direction', async () => {
  const [sshd, ports] = await Promise.all([startSshd(), freePorts(2)])
  const far = (name: string) => join(sshd.folder, name)
  const tunnels = example('07-unix-sockets.yaml', {
    sshd,
    forwards: {
      docker: { to: far('docker') },
      postgres: { local: ports[0], to: far('docker') },
      metrics: { to: `127.0.0.1:${(await startEcho()).port}` },
      agent: { remote: far('agent') },
      editor: { remote: ports[1] },
      notify: { remote: far('notify'), to: `127.0.0.1:${(await startEcho()).port}` },
    },
  })
  const near = (name: string) => join(tunnels.folder, 'run', name)
  mkdirSync(near(''))
  await Promise.all(
    [far('docker'), near('agent.sock'), near('editor.sock')].map((path) => startEcho({ path })),
  )
  await tunnels.up()
  const ends = [near('docker.sock'), ports[0]!, near('metrics.sock'), far('agent'), ports[1]!, far('notify')]
  for (const end of ends) expect(await exchange(end, `through ${end}`)).toEqual(Buffer.from(`through ${end}`))
  expect(statSync(near('docker.sock')).mode & 0o777).toBe(0o600)
})

test('20: compressed, the bytes are the same', async () => {
  const content = Buffer.alloc(3_000_000, 'compress me, ')
  const [sshd, source, local] = await Promise.all([
    startSshd({ config: ['LogLevel DEBUG1'] }),
    startSource(content),
    freePort(),
  ])
  const forwards = { web: { local, to: `127.0.0.1:${source.port}` } }
  const tunnels = example('20-compression.yaml', { sshd, forwards })
  await tunnels.up()
  expect((await exchange(local)).equals(content)).toBe(true)
  expect(sshd.log()).toMatch(/kex: .*compression: zlib/)
})

test('21: there is never a shell', async () => {
  const [sshd, web, local] = await Promise.all([startSshd(), startHttp(() => 'no shell'), freePort()])
  const forwards = { web: { local, to: `127.0.0.1:${web.port}` } }
  const tunnels = example('21-no-shell.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await fetchText(local)).toBe('no shell')
  expect(sshd.log()).not.toContain('Starting session')
})

test('22: what the server forbids is counted here and failed there, with the setting to change', async () => {
  const [sshd, echo, local, remote] = await Promise.all([
    startSshd({ config: ['AllowTcpForwarding no'] }),
    startEcho(),
    freePort(),
    freePort(),
  ])
  const to = `127.0.0.1:${echo.port}`
  const forwards = { database: { local, to }, webhook: { remote, to } }
  const tunnels = example('22-server-policy.yaml', { sshd, forwards })
  expect((await tunnels.run(['up', '-d', '--trust'])).code).toBe(1)
  await holdOpen(local)
  const [database, webhook] = await eventually(async () => {
    const { forwards } = await tunnels.status()
    expect(forwards[0]!.connections.failed).toBe(1)
    return forwards
  })
  expect(database).toMatchObject({ state: 'open', problem: { code: 'FORWARD_PROHIBITED' } })
  expect(webhook).toMatchObject({ state: 'failed', problem: { code: 'FORWARD_PROHIBITED' } })
  for (const { problem } of [database!, webhook!])
    expect(JSON.stringify(problem)).toContain('AllowTcpForwarding')
  expect(echo.connections()).toBe(0)
})

/** A client that waits for an answer, and must see a reset, not an end. */
function holdOpen(port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    socket.on('end', () => reject(new Error('a refused connection ended as if all were well')))
    socket.on('error', (error: NodeJS.ErrnoException) =>
      error.code === 'ECONNRESET' ? resolve() : reject(error),
    )
  })
}
