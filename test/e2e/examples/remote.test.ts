// The examples that listen on the host (which is this machine, too), each with the bytes that arrive.

import { expect, test } from 'vitest'
import { exchange, failureOf, fetchText } from '../../helpers/clients.ts'
import { eventually } from '../../helpers/eventually.ts'
import { example } from '../../helpers/example.ts'
import { freePort, freePorts } from '../../helpers/ports.ts'
import { processesWith } from '../../helpers/processes.ts'
import { startEcho, startHttp } from '../../helpers/servers.ts'
import { startSshd } from '../../helpers/sshd.ts'

/** Loopback of this machine as well, but nobody who listens on 127.0.0.1 alone is there. Linux has all of 127/8. */
const ELSEWHERE = '127.0.0.2'
const onLinux = test.skipIf(process.platform !== 'linux')

test('09: a port of the host leads here', async () => {
  const [sshd, echo, remote] = await Promise.all([startSshd(), startEcho(), freePort()])
  const forwards = { time: { remote, to: `127.0.0.1:${echo.port}` } }
  const tunnels = example('09-remote.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await exchange(remote, 'what time is it')).toEqual(Buffer.from('what time is it'))
  await tunnels.down()
  expect(await failureOf(remote)).toBe('ECONNREFUSED')
})

onLinux('10: with GatewayPorts yes everybody reaches it', async () => {
  const [sshd, web, remote] = await Promise.all([
    startSshd({ config: ['GatewayPorts yes'] }),
    startHttp(() => 'for everybody'),
    freePort(),
  ])
  const forwards = { site: { remote: `*:${remote}`, to: `127.0.0.1:${web.port}` } }
  const tunnels = example('10-remote-for-everybody.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await fetchText(remote, '/', ELSEWHERE)).toBe('for everybody')
  expect((await tunnels.status()).forwards[0]!.listen).toEqual([`*:${remote}`])
})

onLinux('11: with GatewayPorts clientspecified the client chooses', async () => {
  const [sshd, web, [open, closed]] = await Promise.all([
    startSshd({ config: ['GatewayPorts clientspecified'] }),
    startHttp(() => 'as asked'),
    freePorts(2),
  ])
  const to = `127.0.0.1:${web.port}`
  const forwards = { public: { remote: `:${open}`, to }, private: { remote: closed, to } }
  const tunnels = example('11-remote-clientspecified.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await fetchText(open!, '/', ELSEWHERE)).toBe('as asked')
  expect(await fetchText(closed!)).toBe('as asked')
  expect(await failureOf({ host: ELSEWHERE, port: closed! })).toBe('ECONNREFUSED')
})

onLinux('13: it listens on the address, and only those who are allowed get through', async () => {
  const [sshd, echo, remote] = await Promise.all([
    startSshd({ config: ['GatewayPorts clientspecified'] }),
    startEcho(),
    freePort(),
  ])
  const forwards = {
    site: { remote: `${ELSEWHERE}:${remote}`, to: `127.0.0.1:${echo.port}`, allow_from: ['127.0.0.7/32'] },
  }
  const tunnels = example('13-remote-address.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await failureOf(remote)).toBe('ECONNREFUSED')
  const from = (localAddress: string) => ({ host: ELSEWHERE, port: remote, localAddress })
  expect(await exchange(from('127.0.0.7'), 'let me in')).toEqual(Buffer.from('let me in'))
  expect((await exchange(from('127.0.0.8'), 'me too').catch(() => Buffer.alloc(0))).length).toBe(0)
  await eventually(async () => {
    expect((await tunnels.status()).forwards[0]!.connections).toMatchObject({ total: 2, refused: 1 })
  })
  expect(echo.connections()).toBe(1)
})

onLinux(
  '14: where GatewayPorts says no, a relay over there takes everybody, and never outlives us',
  async () => {
    const [sshd, echo, remote] = await Promise.all([
      startSshd({ config: ['GatewayPorts no'] }),
      startEcho(),
      freePort(),
    ])
    const to = `127.0.0.1:${echo.port}`
    const tunnels = example('14-gateway-relay.yaml', {
      sshd,
      forwards: { site: { remote: `*:${remote}`, to } },
    })
    const outside = { host: ELSEWHERE, port: remote }
    const relays = () =>
      processesWith('tunnels-relay').filter(({ command }) => command.includes(` ${remote} `))
    const site = async () => (await tunnels.status()).forwards[0]!

    const untrusted = await tunnels.run(['up', '-d'])
    expect(untrusted.code).toBe(4)
    expect(untrusted.stderr).toContain('gateway')
    await tunnels.up()
    expect(String(await exchange(outside, 'through the relay'))).toBe('through the relay')
    expect(await site()).toMatchObject({ state: 'open', listen: [`*:${remote}`] })

    const before = relays()
    tunnels.write(
      'more.yaml',
      `{ "forwards": { "site": { "to": "127.0.0.1:${(await startEcho()).port}" } } }`,
    )
    await tunnels.up(['--trust'], { env: { TUNNELS_FILE: '14-gateway-relay.yaml:here.yaml:more.yaml' } })
    expect(String(await exchange(outside, 'elsewhere'))).toBe('elsewhere')
    expect(relays()).toEqual(before)

    process.kill(before[0]!.pid, 'SIGKILL')
    await eventually(async () => expect(String(await exchange(outside, 'again'))).toBe('again'))
    await sshd.killSessions()
    await eventually(async () => expect(String(await exchange(outside, 'anew'))).toBe('anew'))
    await eventually(async () => expect((await site()).state).toBe('open'))

    const { supervisor } = await tunnels.status()
    process.kill(supervisor.pid, 'SIGKILL')
    await eventually(() => relays().length === 0)
    expect(await failureOf(outside)).toBe('ECONNREFUSED')
    await tunnels.up()
    expect(String(await exchange(outside, 'back'))).toBe('back')
    await tunnels.down()
    await eventually(() => relays().length === 0)
    expect(await failureOf(outside)).toBe('ECONNREFUSED')
  },
)

test('15: another user, another port', async () => {
  const [sshd, echo, remote] = await Promise.all([startSshd(), startEcho(), freePort()])
  const forwards = { ftp: { remote, to: `127.0.0.1:${echo.port}` } }
  const tunnels = example('15-user-and-port.yaml', { sshd, host: 'home', forwards })
  await tunnels.up()
  expect(await exchange(remote, 'USER anonymous\r\n')).toEqual(Buffer.from('USER anonymous\r\n'))
  expect((await tunnels.status()).hosts[0]!.endpoint).toBe(`${sshd.user}@127.0.0.1:${sshd.port}`)
})

test('16: a web app of this machine is shown on the host', async () => {
  const [sshd, app, remote] = await Promise.all([startSshd(), startHttp(() => '<h1>my app</h1>'), freePort()])
  const forwards = { app: { remote, to: `127.0.0.1:${app.port}` } }
  const tunnels = example('16-show-a-web-app.yaml', { sshd, forwards })
  await tunnels.up()
  expect(await fetchText(remote)).toBe('<h1>my app</h1>')
})
