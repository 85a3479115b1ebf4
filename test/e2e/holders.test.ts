// `ls PORT|ADDRESS|PATH` and `status --connections`: who holds what, and who is connected.

import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import type { Holder } from '../../src/view/holders.ts'
import type { CliProject } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePorts } from '../helpers/ports.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { expectSchema } from './json-schemas.ts'
import { projectVia } from './project-via.ts'

const isLinux = process.platform === 'linux'

async function holders(cli: CliProject, what: string): Promise<Holder[]> {
  const { code, stdout, stderr } = await cli.run(['ls', what, '--json'], { cwd: '/' })
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  const answer = JSON.parse(stdout)
  expectSchema('holders', answer)
  return answer.holders
}

test('who holds a port, an address or a socket is named, and who is connected', async () => {
  const [sshd, echo] = await Promise.all([startSshd(), startEcho()])
  const [web, proxy, taken, free] = (await freePorts(4)) as [number, number, number, number]
  const squatter = createServer().listen(taken, '127.0.0.1')
  onTestFinished(() => void squatter.close())
  const cli = projectVia(sshd, {
    web: { local: `127.0.0.1:${web}`, to: echo.port },
    proxy: { dynamic: `*:${proxy}` },
    sock: { local: './run/a.sock', to: echo.port },
    late: { local: `127.0.0.1:${taken}`, to: echo.port },
  })
  await cli.run(['up', '-d', '--trust'])
  const { pid } = (await cli.status()).supervisor
  const endpoint = `${sshd.user}@127.0.0.1:${sshd.port}`
  const forward = { name: 'web', via: 'acme', to: `localhost:${echo.port}`, endpoint, state: 'open' }
  expect(await holders(cli, String(web))).toMatchObject([{ address: `127.0.0.1:${web}`, pid, forward }])
  expect(await holders(cli, `localhost:${web}`)).toHaveLength(1)
  expect(await holders(cli, `[::1]:${web}`)).toEqual([])
  expect(await holders(cli, `127.0.0.1:${proxy}`)).toMatchObject([
    { address: `*:${proxy}`, pid, forward: { name: 'proxy', kind: 'dynamic' } },
  ])
  expect(await holders(cli, join(cli.folder, 'run', '..', 'run', 'a.sock'))).toMatchObject([
    { pid, forward: { name: 'sock' } },
  ])
  expect(await holders(cli, String(free))).toEqual([])
  // A forward that waits for its port does not hold it.
  const other = isLinux ? [{ address: `127.0.0.1:${taken}`, pid: process.pid, forward: null }] : []
  expect(await holders(cli, String(taken))).toMatchObject(other)
  expect((await cli.run(['ls', 'web'])).code).toBe(2)
  expect((await cli.run(['ls', String(web)])).stdout).toContain(join(cli.folder, 'tunnels.yaml'))

  const client = connect(web, '127.0.0.1')
  await once(client, 'connect')
  client.write('hello')
  const connected = await eventually(async () => {
    const { stdout } = await cli.run(['status', 'web', '--connections', '--json'])
    const status = JSON.parse(stdout)
    expectSchema('status', status)
    expect(status.forwards[0].openConnections).toMatchObject([{ bytes: { in: 5, out: 5 }, draining: false }])
    return status.forwards[0].openConnections[0]
  })
  expect(connected).toMatchObject({ from: `127.0.0.1:${client.localPort}`, to: `localhost:${echo.port}` })
  if (isLinux) expect(connected.process).toMatchObject({ pid: process.pid })
  expect((await cli.run(['status', '--connections'])).stdout).toMatch(/FORWARD +FROM +PROCESS/)
  expect((await cli.status()).forwards[0]).not.toHaveProperty('openConnections')

  // As it goes on: a status a line for programs, what comes and goes for people.
  const json = cli.start(['status', 'web', '--connections', '--watch', '--json'])
  const lines = cli.start(['status', 'web', '--connections', '--watch'])
  const open = () => {
    const last = json.stdout().split('\n').at(-2)
    return last && JSON.parse(last).forwards[0].openConnections.map(({ from }: { from: string }) => from)
  }
  const shown = `127.0.0.1:${client.localPort}`
  await eventually(() => expect(open()).toEqual([shown]))
  await eventually(() => lines.stdout().includes(`connection from ${shown} to localhost:${echo.port} opened`))
  client.destroy()
  await once(client, 'close')
  await eventually(() => expect(open()).toEqual([]))
  await eventually(() => new RegExp(`connection from ${shown} .*closed`).test(lines.stdout()))
  for (const watching of [json, lines]) {
    watching.signal('SIGINT')
    expect((await watching.ended).code).toBe(130)
  }
})
