// Hosts behind other hosts: `proxy_jump` over two and three servers, each with keys of its own.

import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { startDigest, startEcho, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { converse, heard, open, openBySocks, sha256, someBytes } from './bytes.ts'
import { forwardWhen } from './project-via.ts'

let [bastion, inner, deep] = [] as Sshd[] as [Sshd, Sshd, Sshd]
let echo: TestServer

beforeAll(async () => {
  echo = await startEcho()
})

beforeEach(async () => {
  ;[bastion, inner, deep] = await Promise.all([startSshd(), startSshd(), startSshd()])
})

/** A tunnels.yaml in YAML's flow style. */
function file(hosts: Record<string, string>, forwards: Record<string, unknown>, defaults = {}): string {
  const named = Object.entries(hosts).map(([name, host]) => `"${name}": ${host}`)
  return `{ "defaults": ${JSON.stringify(defaults)}, "hosts": {${named}}, "forwards": ${JSON.stringify(forwards)} }`
}

function projectOf(...parts: Parameters<typeof file>): CliProject {
  return project({ 'tunnels.yaml': file(...parts) })
}

const logins = () => [bastion, inner, deep].map((sshd) => sshd.logins())

async function expectToCarry(port: number): Promise<void> {
  const sent = someBytes(300_000, port)
  expect(sha256(await converse(await open(port), sent))).toBe(sha256(sent))
}

describe('proxy_jump', () => {
  test('over two and three servers: local, remote and dynamic forwards, one login at each server', async () => {
    const ports = (await freePorts(5)) as [number, number, number, number, number]
    const to = `127.0.0.1:${echo.port}`
    const [l1, l2, l3, r3, d3] = ports
    const cli = projectOf(
      {
        bastion: hostYaml(bastion),
        inner: hostYaml(inner, { proxy_jump: 'bastion' }),
        deep: hostYaml(deep, { proxy_jump: 'inner' }),
      },
      {
        l1: { via: 'bastion', local: l1, to },
        l2: { via: 'inner', local: l2, to },
        l3: { via: 'deep', local: l3, to },
        r3: { via: 'deep', remote: r3, to },
        d3: { via: 'deep', dynamic: d3 },
      },
    )
    await cli.up()
    for (const port of [l1, l2, l3, r3]) await expectToCarry(port)
    const bySocks = await openBySocks(d3, 5, { host: 'localhost', port: echo.port })
    expect(String(await converse(bySocks, 'by SOCKS'))).toBe('by SOCKS')
    expect(logins()).toEqual([1, 1, 1])
    expect([bastion, inner, deep].map((sshd) => sshd.connections())).toEqual([1, 1, 1])
    const { hosts } = await cli.status()
    expect(hosts.map(({ name, state }) => [name, state])).toEqual([
      ['bastion', 'open'],
      ['inner', 'open'],
      ['deep', 'open'],
    ])
  })

  test('shared by two hosts behind it is one login at the bastion', async () => {
    const [one, two] = (await freePorts(2)) as [number, number]
    const to = `127.0.0.1:${echo.port}`
    const cli = projectOf(
      {
        bastion: hostYaml(bastion),
        inner: hostYaml(inner, { proxy_jump: 'bastion' }),
        deep: hostYaml(deep, { proxy_jump: 'bastion' }),
      },
      { one: { via: 'inner', local: one, to }, two: { via: 'deep', local: two, to } },
    )
    await cli.up()
    await Promise.all([expectToCarry(one), expectToCarry(two)])
    expect(logins()).toEqual([1, 1, 1])

    await cli.down(['one'])
    await eventually(() => inner.sessions().length === 0)
    expect(bastion.sessions()).toHaveLength(1)
    await expectToCarry(two)
    await cli.down(['two'])
    await eventually(() => bastion.sessions().length === 0 && deep.sessions().length === 0)
  })

  test.each([
    { written: 'a list', proxy_jump: ['bastion', 'inner'] },
    { written: 'words with a comma', proxy_jump: 'bastion,inner' },
  ])('as a chain, written as $written, goes through each in turn', async ({ proxy_jump }) => {
    const [chained, direct] = (await freePorts(2)) as [number, number]
    const to = `127.0.0.1:${echo.port}`
    const hosts = {
      bastion: hostYaml(bastion),
      inner: hostYaml(inner),
      deep: hostYaml(deep, { proxy_jump }),
    }
    const forwards = { chained: { via: 'deep', local: chained, to } }
    const cli = projectOf(hosts, forwards)
    await cli.up()
    await expectToCarry(chained)
    expect(logins()).toEqual([1, 1, 1])

    // The same host without the bastion in front is another connection.
    cli.write('tunnels.yaml', file(hosts, { ...forwards, direct: { via: 'inner', local: direct, to } }))
    await eventually(async () => (await cli.run(['status', '--check', 'direct'])).code === 0)
    await expectToCarry(direct)
    expect(logins()).toEqual([1, 2, 1])
  })

  test('by destinations that no host declares takes what `defaults` say', async () => {
    const port = await freePort()
    const servers = [bastion, inner, deep]
    const [a, b, c] = servers.map((sshd) => `${sshd.user}@127.0.0.1:${sshd.port}`)
    const defaults = {
      hosts: {
        identity_file: servers.map((sshd) => sshd.identityFile),
        user_known_hosts_file: servers.map((sshd) => sshd.knownHostsFile),
        ssh_config: false,
      },
    }
    const forward = `-J ${a},${b} -L ${port}:127.0.0.1:${echo.port} ${c}`
    const cli = projectOf({}, { it: forward }, defaults)
    await cli.up()
    await expectToCarry(port)
    expect(logins()).toEqual([1, 1, 1])
  })

  test('carries 10 MB each way at once through three servers', async () => {
    const [up, down] = [someBytes(10_000_000, 1), someBytes(10_000_000, 2)]
    const [digest, port] = await Promise.all([startDigest(down), freePort()])
    const cli = projectOf(
      {
        bastion: hostYaml(bastion),
        inner: hostYaml(inner, { proxy_jump: 'bastion' }),
        deep: hostYaml(deep, { proxy_jump: 'inner', compression: true }),
      },
      { it: { via: 'deep', local: port, to: `127.0.0.1:${digest.port}` } },
    )
    await cli.up()
    const answer = await converse(await open(port), up)
    expect(sha256(answer)).toBe(sha256(down, Buffer.from(sha256(up))))
  })
})

describe('a bastion that is lost', () => {
  test('resets what went through it, and everything behind it comes back', async () => {
    const [near, behind, far] = (await freePorts(3)) as [number, number, number]
    const to = `127.0.0.1:${echo.port}`
    const cli = projectOf(
      { bastion: hostYaml(bastion), inner: hostYaml(inner, { proxy_jump: 'bastion' }) },
      {
        near: { via: 'bastion', local: near, to },
        behind: { via: 'inner', local: behind, to },
        far: { via: 'inner', remote: far, to },
      },
    )
    await cli.up()
    const held = await open(behind)
    const lost = heard(held).catch((error: NodeJS.ErrnoException) => error.code)
    held.write('still there?')
    await eventually(() => held.bytesRead > 0)

    await bastion.killSessions()
    expect(await lost).toBe('ECONNRESET')
    for (const name of ['near', 'behind', 'far'])
      await forwardWhen(cli, name, ({ state }) => state === 'open')
    for (const port of [near, behind, far]) await expectToCarry(port)
    expect(bastion.logins()).toBe(2)
  })

  test('and stays away shows as the reason of what is behind it', async () => {
    const port = await freePort()
    const cli = projectOf(
      {
        bastion: hostYaml(bastion),
        inner: hostYaml(inner, { proxy_jump: 'bastion' }),
      },
      { it: { via: 'inner', local: port, to: `127.0.0.1:${echo.port}` } },
    )
    await cli.up()
    await bastion.stop()
    await eventually(async () => {
      const host = (await cli.status()).hosts.find(({ name }) => name === 'inner')
      expect(host).toMatchObject({ state: 'retrying', problem: { code: 'HOST_UNREACHABLE' } })
      expect(host?.problem?.summary).toContain('bastion')
    })
    await forwardWhen(cli, 'it', ({ state }) => state === 'retrying')
    await bastion.restart()
    await forwardWhen(cli, 'it', ({ state, problem }) => state === 'open' && problem === null)
    await expectToCarry(port)
  })

  test('and was never there is told at once, however patient the hosts are', async () => {
    const patient = { connect_timeout: '10m' }
    const cli = projectOf(
      {
        bastion: hostYaml(bastion, patient),
        inner: hostYaml(inner, { ...patient, proxy_jump: 'bastion' }),
        deep: hostYaml(deep, { ...patient, proxy_jump: 'inner' }),
      },
      { it: { via: 'deep', local: await freePort(), to: 'localhost:1' } },
    )
    await bastion.stop()
    const up = await cli.run(['up', '-d'])
    expect(up).toMatchObject({ code: 1 })
    expect(up.stderr).toContain('HOST_UNREACHABLE')
    expect(up.stderr).toContain('bastion')
  })

  test('and refuses our key makes what is behind it fail, too', async () => {
    const port = await freePort()
    const cli = projectOf(
      {
        bastion: hostYaml(bastion, { identity_file: inner.identityFile }),
        inner: hostYaml(inner, { proxy_jump: 'bastion' }),
      },
      { it: { via: 'inner', local: port, to: 'localhost:1' } },
    )
    const up = await cli.run(['up', '-d'])
    expect(up).toMatchObject({ code: 1 })
    expect(up.stderr).toContain('AUTH_FAILED')
    expect((await cli.status()).hosts.map(({ state }) => state)).toEqual(['failed', 'failed'])
    expect(await failureOf(port)).toBe('ECONNRESET')
  })
})
