// Hosts that are connected on demand, and servers that end what nobody uses: the binary against a real sshd.

import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { exchange, failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { startEcho } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'

const says = async (port: number, text: string) => (await exchange(port, text)).toString() === text

/** A project with the host `acme` and a local forward `echo` through it. */
async function withEcho(
  sshd: Sshd,
  host: Record<string, unknown>,
): Promise<{ tunnels: CliProject; port: number }> {
  const [echo, port] = await Promise.all([startEcho(), freePort()])
  const tunnels = project({
    'tunnels.yaml': `{ hosts: { acme: ${hostYaml(sshd, host)} }, forwards: { echo: -L ${port}:127.0.0.1:${echo.port} acme } }`,
  })
  return { tunnels, port }
}

const acme = async (tunnels: CliProject) => (await tunnels.status()).hosts[0]!
const isIdle = (tunnels: CliProject) =>
  eventually(async () => expect(await acme(tunnels)).toMatchObject({ state: 'idle', problem: null }))

describe('a host on demand', () => {
  test('goes when it is unused and comes with the next use, as often as it takes', async () => {
    const sshd = await startSshd()
    const { tunnels, port } = await withEcho(sshd, { connect: 'on_demand', disconnect_after: '100ms' })
    await tunnels.up()
    for (const use of [1, 2, 3]) {
      expect(await says(port, `use ${use}`)).toBe(true)
      await isIdle(tunnels)
      await eventually(() => sshd.sessions().length === 0)
      expect(sshd.logins()).toBe(use)
    }
    const { hosts, forwards } = await tunnels.status()
    expect(hosts[0]).toMatchObject({ reconnects: 0, rttMs: null })
    expect(forwards[0]).toMatchObject({ state: 'idle', connections: { total: 3, failed: 0 }, problem: null })
  })

  test('stays as long as a connection through it, whatever that says', async () => {
    const sshd = await startSshd()
    const { tunnels, port } = await withEcho(sshd, { connect: 'on_demand', disconnect_after: '50ms' })
    await tunnels.up()
    const client = connect(port, '127.0.0.1')
    atEnd(() => void client.destroy())
    client.write('first')
    await once(client, 'data')
    // In this time others come and go many times over.
    for (const use of ['a', 'b', 'c', 'd', 'e']) expect(await says(port, use)).toBe(true)
    await eventually(async () => (await tunnels.status()).forwards[0]!.connections.active === 1)
    client.write('last')
    expect(String((await once(client, 'data'))[0])).toBe('last')
    expect(sshd.logins()).toBe(1)
    client.end()
    await isIdle(tunnels)
  })

  test('a connection that comes while its server is away waits for it', async () => {
    const sshd = await startSshd()
    const { tunnels, port } = await withEcho(sshd, { connect: 'on_demand', connect_timeout: '20s' })
    await tunnels.up()
    await sshd.stop()
    const waiting = says(port, 'is anybody there')
    await eventually(async () => (await acme(tunnels)).state === 'retrying')
    const { retryAt, problem } = await eventually(async () => {
      const host = await acme(tunnels)
      return host.retryAt !== null && host
    })
    expect([Date.parse(retryAt!) > 0, problem?.code]).toEqual([true, 'HOST_UNREACHABLE'])
    await sshd.restart()
    expect(await waiting).toBe(true)
    expect(await acme(tunnels)).toMatchObject({ state: 'open', problem: null, retryAt: null })
  })

  test('in vain: the client is reset, the host idle with its problem, and that is no failure of up or status', async () => {
    const sshd = await startSshd()
    const { tunnels, port } = await withEcho(sshd, { connect: 'on_demand', connect_timeout: '300ms' })
    await tunnels.up()
    await sshd.stop()
    expect(await failureOf(port)).toBe('ECONNRESET')
    await eventually(async () =>
      expect(await acme(tunnels)).toMatchObject({ state: 'idle', problem: { code: 'HOST_UNREACHABLE' } }),
    )
    expect((await tunnels.run(['status', '--check'])).code).toBe(0)
    expect((await tunnels.run(['status'])).stdout).toContain('acme cannot be reached')
    await tunnels.up()
    await sshd.restart()
    // On a busy machine an attempt takes longer than this connect_timeout: then the client is reset once more.
    await eventually(async () => expect(await says(port, 'back')).toBe(true))
  })

  test('a refused key is shown to the server once, however many clients come; `up` tries again', async () => {
    const sshd = await startSshd({ authorizedKeys: [] })
    const { tunnels, port } = await withEcho(sshd, { connect: 'on_demand' })
    await tunnels.up()
    for (let each = 0; each < 5; each++) expect(await failureOf(port)).toBe('ECONNRESET')
    await eventually(async () => (await acme(tunnels)).state === 'failed')
    expect(sshd.connections()).toBe(1)
    expect((await tunnels.run(['status', '--check'])).code).toBe(1)
    expect((await tunnels.run(['up', '-d', '--trust'])).code).toBe(1)
    expect(sshd.connections()).toBe(2)
    writeFileSync(sshd.authorizedKeysFile, `${sshd.publicKey}\n`)
    await tunnels.up()
    expect(await says(port, 'let in')).toBe(true)
    expect(sshd.connections()).toBe(3)
  })

  test('an edit of connect takes effect in place, in both directions', async () => {
    const sshd = await startSshd()
    const [echo, port] = await Promise.all([startEcho(), freePort()])
    const text = (host: Record<string, unknown>) =>
      `{ hosts: { acme: ${hostYaml(sshd, host)} }, forwards: { echo: -L ${port}:127.0.0.1:${echo.port} acme } }`
    const tunnels = project({ 'tunnels.yaml': text({}) })
    await tunnels.up()
    const lazily = text({ connect: 'on_demand', disconnect_after: '50ms' })
    tunnels.write('tunnels.yaml', lazily)
    const plan = await tunnels.run(['reload'])
    expect(plan.code).toBe(0)
    await isIdle(tunnels)
    tunnels.write('tunnels.yaml', text({}))
    await eventually(async () => (await acme(tunnels)).state === 'open')
    expect(sshd.logins()).toBe(2)
  })

  test('the way to another host is made and ends with it', async () => {
    const [bastion, inner] = await Promise.all([startSshd(), startSshd()])
    const [echo, port] = await Promise.all([startEcho(), freePort()])
    const lazy = { connect: 'on_demand', disconnect_after: '100ms' }
    const tunnels = project({
      'tunnels.yaml': `{
        hosts: { bastion: ${hostYaml(bastion, lazy)}, inner: ${hostYaml(inner, { ...lazy, proxy_jump: 'bastion' })} },
        forwards: { echo: -L ${port}:127.0.0.1:${echo.port} inner } }`,
    })
    await tunnels.up()
    expect([bastion.connections(), inner.connections()]).toEqual([0, 0])
    expect(await says(port, 'two hops')).toBe(true)
    await eventually(async () => {
      const { hosts } = await tunnels.status()
      expect(hosts.map(({ state, problem }) => [state, problem])).toEqual([
        ['idle', null],
        ['idle', null],
      ])
    })
    expect(await says(port, 'again')).toBe(true)
    expect([bastion.logins(), inner.logins()]).toEqual([2, 2])
  })
})

/** UnusedConnectionTimeout of sshd_config(5). */
describe('a server that ends what nobody uses', () => {
  const config = ['UnusedConnectionTimeout 1s']

  test('is no trouble for a host on demand: idle without a problem, back at the next use', async () => {
    const sshd = await startSshd({ config })
    const { tunnels, port } = await withEcho(sshd, { connect: 'on_demand' })
    await tunnels.up()
    for (const use of [1, 2]) {
      expect(await says(port, `use ${use}`)).toBe(true)
      await isIdle(tunnels)
      expect(sshd.log().match(/terminating inactive connection/g)?.length).toBe(use)
    }
    expect(sshd.logins()).toBe(2)
    expect((await acme(tunnels)).reconnects).toBe(0)
    const log = (await tunnels.run(['logs', '--json'])).stdout
    expect(log).not.toContain('HOST_LOST')
  })

  test('has a host that is always connected back each time, and no connection through it fails', async () => {
    const sshd = await startSshd({ config })
    const [echo, [port, hook]] = [await startEcho(), await freePorts(2)]
    const tunnels = project({
      'tunnels.yaml': `{ hosts: { acme: ${hostYaml(sshd)} }, forwards: {
        echo: -L ${port}:127.0.0.1:${echo.port} acme, hook: -R ${hook}:127.0.0.1:${echo.port} acme } }`,
    })
    await tunnels.up()
    await eventually(async () => (await acme(tunnels)).reconnects >= 2)
    expect(await says(port!, 'still there')).toBe(true)
    await eventually(async () => says(hook!, 'there, too').catch(() => false))
    const { hosts, forwards } = await tunnels.status()
    expect(hosts[0]!.reconnects + 1).toBe(sshd.logins())
    expect(forwards.map(({ connections }) => connections.failed)).toEqual([0, 0])
    expect((await tunnels.run(['logs'])).stdout).toContain('UnusedConnectionTimeout in its sshd_config')
  })
})
