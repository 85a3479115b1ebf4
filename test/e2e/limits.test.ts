// What this process may have open is shared by all forwards: who is turned away is told, and nobody else suffers.

import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import type { ForwardStatus } from '../../src/model/status.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePorts } from '../helpers/ports.ts'
import { startEcho, startSink } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { forwardOf } from './project-via.ts'

const few = { prefix: ['/bin/sh', '-c', 'ulimit -n 256; exec "$0" "$@"'] }

function hold(port: number, count: number): { sockets: Socket[]; resets(): number } {
  let resets = 0
  const sockets = Array.from({ length: count }, () =>
    connect(port, '127.0.0.1').on('error', () => void resets++),
  )
  atEnd(() => void sockets.forEach((socket) => void socket.destroy()))
  return { sockets, resets: () => resets }
}

const forwardWhen = (cli: CliProject, name: string, holds: (forward: ForwardStatus) => boolean) =>
  eventually(async () => {
    const forward = (await cli.status()).forwards.find((each) => each.name === name)!
    return holds(forward) && forward
  })

test.runIf(process.platform === 'linux')(
  'connections that wait for a host, or have not said yet where to, take no more room than others',
  async () => {
    const [sshd, [web, socks]] = await Promise.all([startSshd(), freePorts(2)])
    const cli = project({
      'tunnels.yaml': `{ hosts: { acme: ${hostYaml(sshd, { connect: 'on_demand', connect_timeout: '60s' })} },
        forwards: { web: -L ${web}:localhost:1 acme, browse: -D ${socks} acme } }`,
    })
    await cli.up([], few)
    await sshd.stop()
    const [waiting, silent] = [hold(web!, 75), hold(socks!, 75)]
    for (const name of ['web', 'browse']) {
      const { connections } = await forwardWhen(cli, name, (forward) => forward.connections.total === 75)
      expect(connections).toMatchObject({ active: 75, refused: 0 })
    }
    const more = hold(socks!, 100)
    const full = await forwardWhen(cli, 'browse', ({ connections }) => connections.total === 175)
    expect(full.connections.refused).toBeGreaterThan(0)
    await eventually(() => more.resets() === full.connections.refused)
    for (const socket of waiting.sockets.splice(0, 60)) socket.resetAndDestroy()
    await forwardWhen(cli, 'web', ({ connections }) => connections.active === 15)
    // How many files are open is looked at every 50 ms.
    await eventually(async () => {
      const before = (await forwardOf(cli, 'browse')).connections
      hold(socks!, 1)
      const after = await forwardWhen(cli, 'browse', ({ connections }) => connections.total > before.total)
      return after.connections.refused === before.refused
    })
    const { total } = (await forwardOf(cli, 'browse')).connections
    const again = hold(socks!, 20)
    await forwardWhen(cli, 'browse', ({ connections }) => connections.total === total + 20)
    expect(again.resets()).toBe(0)
    expect([waiting.resets(), silent.resets()]).toEqual([0, 0])
  },
)

test.runIf(process.platform === 'linux')(
  'a forward that turned somebody away because others had everything says so only while it is true',
  async () => {
    const [sshd, echo, [greedy, modest]] = await Promise.all([startSshd(), startEcho(), freePorts(2)])
    const to = `127.0.0.1:${echo.port}`
    const cli = project({
      'tunnels.yaml': `{ hosts: { acme: ${hostYaml(sshd)} },
        forwards: { greedy: -L ${greedy}:${to} acme, modest: -L ${modest}:${to} acme } }`,
    })
    await cli.up([], few)
    const { sockets } = hold(greedy!, 300)
    await forwardWhen(cli, 'greedy', ({ connections }) => connections.total === 300)
    hold(modest!, 1)
    await forwardWhen(cli, 'modest', ({ problem }) => problem?.code === 'LIMIT_REACHED')
    for (const socket of sockets) socket.destroy()
    await forwardWhen(cli, 'modest', ({ problem }) => problem === null)
    expect((await exchange(modest!, 'room again')).toString()).toBe('room again')
  },
)

test('idle_timeout ends what was forgotten, in whichever direction it came, and its host can go', async () => {
  const [sshd, silent, [near, far]] = await Promise.all([startSshd(), startSink(), freePorts(2)])
  const forward = (listen: object) =>
    JSON.stringify({ via: 'acme', to: `127.0.0.1:${silent.port}`, idle_timeout: '200ms', ...listen })
  const text = (
    more: string,
  ) => `{ hosts: { acme: ${hostYaml(sshd, { connect: 'on_demand', disconnect_after: '50ms' })} },
    forwards: { near: ${forward({ local: near })}${more} } }`
  const cli = project({ 'tunnels.yaml': text(`, far: ${forward({ remote: far })}`) })
  await cli.up()
  const clients = [hold(near!, 1), hold(far!, 1)]
  for (const { sockets } of clients) sockets[0]!.write('and then it forgot')
  for (const name of ['near', 'far'])
    await forwardWhen(cli, name, ({ connections }) => connections.total === 1 && connections.active === 0)
  await eventually(() => clients[0]!.resets() === 1 && clients[1]!.sockets[0]!.closed)
  await eventually(() => silent.open() === 0)
  const { stdout } = await cli.run(['logs'])
  expect(stdout.match(/closed.*Nothing moved on it for 0.2 s \(idle_timeout\)/g)?.length).toBe(2)
  const { hosts, forwards } = await cli.status()
  expect([hosts[0]!.state, forwards.map(({ problem }) => problem)]).toEqual(['open', [null, null]])
  cli.write('tunnels.yaml', text(''))
  expect((await cli.run(['reload'])).code).toBe(0)
  await eventually(async () => (await cli.status()).hosts[0]!.state === 'idle')
  expect(sshd.logins()).toBe(1)
})
