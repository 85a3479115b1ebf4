// What moves from one place to another while people work through it: ports that change hands, wider listeners,
// new names, other jump hosts, remote ports on a changed host. Each is undone when the new side cannot open.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { ControlClient } from '../../src/control/client.ts'
import type { PlanChange } from '../../src/plan/plan.ts'
import { hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort, freePorts, hasIpv6 } from '../helpers/ports.ts'
import { startServer, type TestServer } from '../helpers/servers.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { openStream, probe, type Stream, startNamedEcho, startProbes } from './streams.ts'
import { controlOf, fileOf, forwardIn, reloadTrusting, statusWhen, type Yaml } from './watched-project.ts'

/** Where 127.0.0.2 is an address of this machine without being made one. */
const isLinux = process.platform === 'linux'

let sshd: Sshd
let one: TestServer
let two: TestServer

beforeAll(async () => {
  one = await startNamedEcho('one')
  two = await startNamedEcho('two')
})

beforeEach(async () => {
  sshd = await startSshd()
})

type Hosts = Record<string, string>
type Forwards = Record<string, Yaml>

const to = ({ port }: TestServer) => `127.0.0.1:${port}`
const acme = (more: Yaml = {}): Hosts => ({ acme: hostYaml(sshd, more) })

interface Edited {
  control: ControlClient
  /** Saves the file and has it taken; resolves with what `tunnels plan` said in between, and finds nothing left to do. */
  edit(hosts: Hosts, forwards: Forwards): Promise<string[]>
}

async function up(hosts: Hosts, forwards: Forwards): Promise<Edited> {
  const cli = project({ 'tunnels.yaml': fileOf(hosts, forwards) })
  await cli.up(['--no-watch'])
  const control = await controlOf(cli)
  const edit = async (hosts: Hosts, forwards: Forwards) => {
    cli.write('tunnels.yaml', fileOf(hosts, forwards))
    const { changes } = await control.plan()
    await reloadTrusting(control)
    expect((await control.plan()).changes).toEqual([])
    return changes.map(formatChange)
  }
  return { control, edit }
}

function formatChange({ action, what, name, cause, fields, interrupts }: PlanChange): string {
  return [action, what, name, cause, ...fields, `interrupts ${interrupts}`].join(' ')
}

/** All of them go on, and end in order. */
async function endAll(...streams: Stream[]): Promise<void> {
  await Promise.all(streams.map((stream) => stream.end()))
}

/** Where the listener says no, or takes nobody. */
function isReachable(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, host)
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
    socket.on('connect', () => socket.destroy())
  })
}

describe('listeners of this machine', () => {
  test('two forwards swap their ports: no knock is refused, and what is open goes on', async () => {
    const [p, q] = (await freePorts(2)) as [number, number]
    const forwards = (a: number, b: number) => ({
      a: { via: 'acme', local: a, to: to(one) },
      b: { via: 'acme', local: b, to: to(two) },
    })
    const { edit, control } = await up(acme(), forwards(p, q))
    const streams = [await openStream(p), await openStream(q)]
    const probes = startProbes([p, q])
    for (const [a, b] of [
      [q, p],
      [p, q],
      [q, p],
    ] as const) {
      const open = (await control.status()).forwards.map(({ connections }) => connections.active > 0)
      expect(open).toEqual([true, true])
      const plan = await edit(acme(), forwards(a, b))
      expect(plan.map((line) => line.replace(/\d+$/, 'n'))).toEqual([
        'update forward a changed local interrupts n',
        'update forward b changed local interrupts n',
      ])
      expect([await probe(a), await probe(b)]).toEqual(['one', 'two'])
      await probes.allAnswer()
      streams.push(await openStream(a), await openStream(b))
    }
    await probes.stop()
    expect(probes.failures).toEqual([])
    await endAll(...streams)
    expect(sshd.logins()).toBe(1)
  })

  test('a renamed forward keeps its listener; the old name drains', async () => {
    const port = await freePort()
    const web = { via: 'acme', local: port, to: to(one) }
    const { edit, control } = await up(acme(), { old: web })
    const stream = await openStream(port)
    const probes = startProbes([port])
    const plan = await edit(acme(), { new: web })
    expect(plan.map((line) => line.replace(/\d+$/, 'n'))).toEqual([
      'open forward new declared interrupts n',
      'close forward old removed interrupts n',
    ])
    await probes.allAnswer()
    await probes.stop()
    expect(probes.failures).toEqual([])
    const status = await control.status()
    expect(forwardIn(status, 'old')).toMatchObject({ state: 'draining', listen: [] })
    expect(forwardIn(status, 'new')).toMatchObject({ state: 'open', connections: { failed: 0 } })
    await endAll(stream)
    await statusWhen(control, (now) => forwardIn(now, 'old') === undefined)
    expect(await probe(port)).toBe('one')
  })

  test.runIf(isLinux)('9000 becomes *:9000 and 9000 again', async () => {
    const port = await freePort()
    const forwards = (local: string | number) => ({ web: { via: 'acme', local, to: to(one) } })
    const { edit, control } = await up(acme(), forwards(port))
    const stream = await openStream(port)
    expect(await isReachable('127.0.0.2', port)).toBe(false)
    expect(await edit(acme(), forwards(`*:${port}`))).toEqual([
      'update forward web changed local interrupts 1',
    ])
    expect(await isReachable('127.0.0.2', port)).toBe(true)
    expect(forwardIn(await control.status(), 'web')).toMatchObject({ state: 'open', listen: [`*:${port}`] })
    const wide = await openStream(port)
    await edit(acme(), forwards(port))
    expect(await isReachable('127.0.0.2', port)).toBe(false)
    expect(await probe(port)).toBe('one')
    await endAll(stream, wide)
  })

  test.runIf(isLinux)(
    '*:9000 that cannot open: 9000 is given back, and gives way when there is room',
    async () => {
      const port = await freePort()
      const forwards = (local: string | number) => ({ web: { via: 'acme', local, to: to(one) } })
      const { edit, control } = await up(acme(), forwards(port))
      const stream = await openStream(port)
      const squatter = await startServer((socket) => socket.end('squatter'), { host: '127.0.0.2', port })
      await edit(acme(), forwards(`*:${port}`))
      const web = forwardIn(await control.status(), 'web')!
      expect(web).toMatchObject({ state: 'retrying', problem: { code: 'PORT_IN_USE' } })
      expect(web.listen).toContain(`127.0.0.1:${port}`)
      expect(await probe(port)).toBe('one')
      await squatter.stop()
      await control.reconcile()
      expect(forwardIn(await control.status(), 'web')).toMatchObject({ state: 'open', listen: [`*:${port}`] })
      expect(await isReachable('127.0.0.2', port)).toBe(true)
      await endAll(stream)
    },
  )

  test.runIf(isLinux)(
    'swapped ports of which one becomes wide and cannot: the other forward is not harmed',
    async () => {
      const [p, q] = (await freePorts(2)) as [number, number]
      const forwards = (a: string | number, b: number) => ({
        a: { via: 'acme', local: a, to: to(one) },
        b: { via: 'acme', local: b, to: to(two) },
      })
      const { edit, control } = await up(acme(), forwards(p, q))
      const streams = [await openStream(p), await openStream(q)]
      await startServer((socket) => socket.end(), { host: '127.0.0.2', port: q })
      await edit(acme(), forwards(`*:${q}`, p))
      expect(forwardIn(await control.status(), 'b')).toMatchObject({ state: 'open' })
      expect(await probe(p)).toBe('two')
      expect(forwardIn(await control.status(), 'a')).toMatchObject({
        state: 'retrying',
        problem: { code: 'PORT_IN_USE' },
      })
      await edit(acme(), forwards(p, q))
      expect([await probe(p), await probe(q)]).toEqual(['one', 'two'])
      await endAll(...streams)
    },
  )

  test('another port that somebody holds: the old one serves until it is free', async () => {
    const port = await freePort()
    const squatter = await startServer((socket) => socket.end('squatter\n'))
    const forwards = (local: number) => ({ web: { via: 'acme', local, to: to(one) } })
    const { edit, control } = await up(acme(), forwards(port))
    const stream = await openStream(port)
    await edit(acme(), forwards(squatter.port))
    expect(await probe(port)).toBe('one')
    expect(await probe(squatter.port)).toBe('squatter')
    expect(forwardIn(await control.status(), 'web')).toMatchObject({ problem: { code: 'PORT_IN_USE' } })
    await squatter.stop()
    await eventually(async () => (await probe(squatter.port)) === 'one')
    await eventually(async () => (await probe(port)) === '!ECONNREFUSED')
    await endAll(stream)
  })
})

describe('another way', () => {
  test('`via` another host: new connections go there once it is open, those open stay, with both logins', async () => {
    const other = await startSshd()
    const port = await freePort()
    const hosts = { ...acme(), other: hostYaml(other) }
    const forwards = (via: string, more: Forwards = {}) => ({
      web: { via, local: port, to: to(one) },
      ...more,
    })
    const { edit } = await up(hosts, forwards('acme'))
    const stream = await openStream(port)
    const probes = startProbes([port])
    expect(await edit(hosts, forwards('other'))).toEqual([
      'open host other needed interrupts 0',
      expect.stringMatching(/^update forward web changed via interrupts [12]$/),
      'close host acme unused interrupts 0',
    ])
    await eventually(() => other.logins() === 1)
    await probes.allAnswer()
    const second = await openStream(port)
    await stream.end()
    await eventually(() => sshd.sessions().length === 0)
    await second.end()
    await probes.stop()
    expect(probes.failures).toEqual([])
  })

  test('`via` a host that is down: the old one serves on, and status says what is wrong', async () => {
    const port = await freePort()
    const hosts = { ...acme(), dead: hostYaml(sshd, { port: await freePort() }) }
    const forwards = (via: string) => ({ web: { via, local: port, to: to(one) } })
    const { edit, control } = await up(hosts, forwards('acme'))
    const stream = await openStream(port)
    await edit(hosts, forwards('dead'))
    await statusWhen(control, (now) => forwardIn(now, 'web')?.state === 'retrying')
    expect(forwardIn(await control.status(), 'web')?.problem).toMatchObject({ code: 'HOST_UNREACHABLE' })
    expect(await probe(port)).toBe('one')
    await edit(hosts, forwards('acme'))
    expect(await probe(port)).toBe('one')
    await statusWhen(control, (now) => forwardIn(now, 'web')?.state === 'open')
    expect(await probe(port)).toBe('one')
    await endAll(stream)
    await eventually(() => sshd.sessions().length === 1)
  })

  test('another jump host moves everything behind it; one that is down leaves the old way', async () => {
    const [first, second] = [await startSshd(), await startSshd()]
    const port = await freePort()
    const hosts = (jump: Sshd, more: Yaml = {}) => ({
      jump: hostYaml(jump, more),
      inner: hostYaml(sshd, { proxy_jump: 'jump' }),
    })
    const forwards = { web: { via: 'inner', local: port, to: to(one) } }
    const { edit, control } = await up(hosts(first), forwards)
    const stream = await openStream(port)
    const probes = startProbes([port])
    const plan = await edit(hosts(second), forwards)
    expect(plan[0]).toMatch(/^reopen host jump changed .*port.* interrupts 0$/)
    expect(plan[1]).toMatch(/^reopen host inner changed proxy_jump interrupts [12]$/)
    expect(plan).toHaveLength(2)
    const moved = await statusWhen(control, (now) => forwardIn(now, 'web')!.connections.draining > 0)
    expect(moved.hosts).toMatchObject([{ reconnects: 0 }, { reconnects: 0 }])
    expect([first.logins(), second.logins(), sshd.logins()]).toEqual([1, 1, 2])
    const next = await openStream(port)
    await stream.end()
    await eventually(() => first.sessions().length === 0 && sshd.sessions().length === 1)
    await next.flows()

    await edit(hosts(second, { port: await freePort() }), forwards)
    await statusWhen(control, (now) => now.hosts.every(({ problem }) => problem !== null))
    await probes.allAnswer()
    await next.flows()
    await edit(hosts(second), forwards)
    await statusWhen(control, (now) => now.hosts.every(({ problem, state }) => !problem && state === 'open'))
    await probes.allAnswer()
    await probes.stop()
    expect(probes.failures).toEqual([])
    await endAll(next)
  })

  test('a key that is refused: the old connection serves on, and the mended file is fine', async () => {
    const stranger = testFolder().join('stranger')
    await makeKey(stranger, 'ed25519')
    const port = await freePort()
    const forwards = { web: { via: 'acme', local: port, to: to(one) } }
    const { edit, control } = await up(acme(), forwards)
    const stream = await openStream(port)
    await edit(acme({ identity_file: stranger }), forwards)
    await statusWhen(control, ({ hosts }) => hosts[0]?.problem?.code === 'AUTH_FAILED')
    expect(await probe(port)).toBe('one')
    await edit(acme(), forwards)
    await statusWhen(control, ({ hosts }) => hosts[0]?.problem === null)
    expect(await probe(port)).toBe('one')
    await endAll(stream)
  })
})

describe('a remote port', () => {
  /** The second key may log in, but not listen. */
  async function startWithRestrictedKey(): Promise<[string, string]> {
    const folder = testFolder()
    const keys: [string, string] = [folder.join('first'), folder.join('second')]
    for (const path of keys) await makeKey(path, 'ed25519')
    const [first, second] = keys.map((path) => readFileSync(`${path}.pub`, 'utf8').trim())
    sshd = await startSshd({ authorizedKeys: [first!, `permitlisten="localhost:1" ${second}`] })
    return keys
  }

  test('moves to the new connection of a changed host; what is open drains on the old one', async () => {
    const port = await freePort()
    const forwards = { hook: { via: 'acme', remote: port, to: to(one) } }
    const { edit, control } = await up(acme(), forwards)
    const stream = await openStream(port)
    expect(await edit(acme({ compression: true }), forwards)).toEqual([
      'reopen host acme changed compression interrupts 1',
    ])
    await eventually(() => sshd.logins() === 2)
    await statusWhen(control, (now) => forwardIn(now, 'hook')!.connections.draining > 0)
    await eventually(async () => (await probe(port)) === 'one')
    const next = await openStream(port)
    await stream.end()
    await eventually(() => sshd.sessions().length === 1)
    await next.end()
    expect(forwardIn(await control.status(), 'hook')).toMatchObject({ state: 'open', problem: null })
  })

  test('that the new side may not have stays with the old one, and status says why', async () => {
    const [first, second] = await startWithRestrictedKey()
    const port = await freePort()
    const forwards = { hook: { via: 'acme', remote: port, to: to(one) } }
    const { edit, control } = await up(acme({ identity_file: first }), forwards)
    const stream = await openStream(port)
    await edit(acme({ identity_file: second }), forwards)
    await statusWhen(control, (now) => forwardIn(now, 'hook')?.problem?.code === 'FORWARD_PROHIBITED')
    await eventually(async () => (await probe(port)) === 'one')
    await stream.flows()
    await edit(acme({ identity_file: first }), forwards)
    await statusWhen(control, (now) => forwardIn(now, 'hook')?.state === 'open')
    expect(await probe(port)).toBe('one')
    await endAll(stream)
    await eventually(() => sshd.sessions().length === 1)
  })

  test('becomes another one: the new one first, and the old one stays where it is not to be had', async () => {
    const [port, next] = (await freePorts(2)) as [number, number]
    const host = (await hasIpv6()) ? '::' : '127.0.0.1'
    const squatter = await startServer((socket) => socket.end('squatter\n'), { host })
    const forwards = (remote: number) => ({ hook: { via: 'acme', remote, to: to(one) } })
    const { edit, control } = await up(acme(), forwards(port))
    const stream = await openStream(port)
    expect(await edit(acme(), forwards(next))).toEqual(['reopen forward hook changed remote interrupts 1'])
    await eventually(async () => (await probe(next)) === 'one')
    await eventually(async () => (await probe(port)) === '!ECONNREFUSED')
    await stream.flows()
    await edit(acme(), forwards(squatter.port))
    await statusWhen(control, (now) => forwardIn(now, 'hook')?.problem?.code === 'REMOTE_PORT_IN_USE')
    expect(await probe(next)).toBe('one')
    await squatter.stop()
    await eventually(async () => (await probe(squatter.port)) === 'one')
    await eventually(async () => (await probe(next)) === '!ECONNREFUSED')
    await endAll(stream)
  })

  test('of two forwards is swapped', async () => {
    const [p, q] = (await freePorts(2)) as [number, number]
    const forwards = (a: number, b: number) => ({
      a: { via: 'acme', remote: a, to: to(one) },
      b: { via: 'acme', remote: b, to: to(two) },
    })
    const { edit, control } = await up(acme(), forwards(p, q))
    const streams = [await openStream(p), await openStream(q)]
    await edit(acme(), forwards(q, p))
    await eventually(async () => (await probe(q)) === 'one' && (await probe(p)) === 'two')
    await statusWhen(control, (now) => now.forwards.every(({ state }) => state === 'open'))
    await endAll(...streams)
    expect(sshd.logins()).toBe(1)
  })
})
