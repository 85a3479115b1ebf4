// Whether something answers behind a forward: what each kind of check finds out, through a real sshd, and `up --wait`.

import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { descendantsOf, isAlive, processesWith } from '../helpers/processes.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { holdStream } from './held-stream.ts'
import { eventsIn, fileVia, forwardWhen, projectVia } from './project-via.ts'

/** Answers each path in its own way, and some never. */
async function startPages(): Promise<number> {
  const server = createServer((request, response) => {
    const [, status, how] = (request.url ?? '').split('/')
    if (how === 'never') return
    response.writeHead(Number(status), how === 'head' ? { 'x-long': 'x'.repeat(1_000_000) } : {})
    if (how === 'stream') setInterval(() => response.write('x'.repeat(65_536)), 1).unref()
    else response.end(request.headers.host)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}

/** Often, and with patience: a machine that is busy is no target that is down. */
const quick = { interval: '100ms', retries: 2, timeout: '30s' }
const page = (path: string, more = {}) => ({ type: 'http', path, ...quick, ...more })
const command = (...words: string[]) => ({ type: 'command', command: words, ...quick })

test('each check says what is behind its forward, and leaves nothing behind', async () => {
  const [sshd, pages, echo] = await Promise.all([startSshd(), startPages(), startEcho()])
  const nobody = await freePort()
  const ports = await freePorts(20)
  const local = (to: number, healthcheck: object) => ({ local: ports.pop()!, to, healthcheck })
  const connect = { type: 'connect', ...quick }
  const deaf = local(nobody, connect)
  const well = {
    page: local(pages, page('/200')),
    streams: local(pages, page('/200/stream')),
    refuses: local(pages, page('/404', { expect_status: 404 })),
    listens: local(echo.port, connect),
    tool: local(pages, command('curl', '-sf', 'http://{host}:{port}/200')),
    forks: local(pages, command('sh', '-c', 'sleep 1000 & exit 0')),
    bare: local(pages, command('sh', '-c', '! env | grep -q SEKRIT')),
    there: { remote: 'auto', to: pages, healthcheck: page('/204', { expect_status: '200-204' }) },
    proxy: { dynamic: ports.pop()!, healthcheck: connect },
  }
  const ill = {
    deaf,
    // Our own listener takes the connection: behind it nobody is.
    seems: local(deaf.local, connect),
    fails: local(pages, page('/500')),
    moved: local(pages, page('/302', { expect_status: 200 })),
    silent: local(pages, page('/200/never', { timeout: '300ms' })),
    babbles: local(pages, page('/200/head')),
    wrong: local(echo.port, page('/')),
    broken: local(pages, command('sh', '-c', 'echo no response; exit 3')),
    hangs: local(pages, { ...command('sh', '-c', 'sleep 1000'), timeout: '300ms' }),
    absent: local(pages, command('./not-there')),
    away: { remote: 'auto', to: nobody, healthcheck: connect },
  }
  const tunnels = projectVia(sshd, { ...well, ...ill })
  tunnels.env.SEKRIT = 'x'
  await tunnels.up()
  const healthOf = async (names: object) => {
    const { forwards } = await tunnels.status()
    return Object.fromEntries(
      Object.keys(names).map((name) => [name, forwards.find((f) => f.name === name)!.health]),
    )
  }
  const all = (names: object, health: string) =>
    Object.fromEntries(Object.keys(names).map((name) => [name, health]))
  await eventually(async () => expect(await healthOf(well)).toEqual(all(well, 'healthy')), {
    timeoutMs: 60_000,
  })
  await eventually(async () => expect(await healthOf(ill)).toEqual(all(ill, 'unhealthy')), {
    timeoutMs: 60_000,
  })
  expect(await healthOf(well)).toEqual(all(well, 'healthy'))
  const { forwards } = await tunnels.status()
  for (const { name, state, problem, connections } of forwards) {
    expect({ name, state, code: problem?.code }).toEqual({
      name,
      state: 'open',
      code: name in ill ? 'UNHEALTHY' : undefined,
    })
    if (!['tool', 'deaf'].includes(name))
      expect({ name, total: connections.total }).toEqual({ name, total: 0 })
  }
  expect(forwards.find(({ name }) => name === 'broken')!.problem!.summary).toContain(
    'exit status 3: no response',
  )
  expect((await tunnels.run(['status', '--check', ...Object.keys(well)])).code).toBe(0)
  expect((await tunnels.run(['status', '--check', 'fails'])).code).toBe(1)
  await tunnels.down()
  expect(processesWith(tunnels.folder).filter(({ command }) => command.includes('sleep 1000'))).toEqual([])
  await eventually(() => echo.open() === 0)
})

test('a supervisor that is killed leaves no check behind', async () => {
  const [sshd, echo] = await Promise.all([startSshd(), startEcho()])
  const slow = command('sh', '-c', 'sleep 1000 & sleep 1000')
  const cli = projectVia(sshd, { web: { local: await freePort(), to: echo.port, healthcheck: slow } })
  await cli.up()
  const { pid } = (await cli.status()).supervisor
  const children = await eventually(() => {
    const found = descendantsOf(pid)
    return found.length >= 3 && found
  })
  process.kill(pid, 'SIGKILL')
  await eventually(() => !children.some(isAlive))
})

test('health follows its target, and a changed healthcheck interrupts nothing', async () => {
  const [sshd, [port, listen], echo] = await Promise.all([startSshd(), freePorts(2), startEcho()])
  const kept = { local: await freePort(), to: echo.port, healthcheck: { type: 'connect', ...quick } }
  const web = { local: listen!, to: port!, healthcheck: { type: 'connect', ...quick } }
  const tunnels = projectVia(sshd, { web, kept })
  const up = tunnels.start(['up', '--json'])
  await forwardWhen(tunnels, 'web', ({ health }) => health === 'unhealthy')
  const server = await startEcho({ port: port! })
  await forwardWhen(tunnels, 'web', ({ health, problem }) => health === 'healthy' && problem === null)
  const client = await holdStream(kept.local)
  // While a check is under way as well as between two.
  const slow = { type: 'command', command: ['sleep', '1000'], ...quick }
  const edit = {
    web: { ...web, healthcheck: slow },
    kept: { ...kept, healthcheck: { ...slow, timeout: '1h' } },
  }
  tunnels.write('tunnels.yaml', fileVia(sshd, edit))
  expect((await tunnels.run(['reload', '--trust'])).code).toBe(0)
  await forwardWhen(tunnels, 'web', ({ health }) => health === 'unknown')
  await eventually(() => sleepers().length === 2)
  tunnels.write('tunnels.yaml', fileVia(sshd, { web, kept }))
  await forwardWhen(tunnels, 'web', ({ health }) => health === 'healthy')
  await eventually(() => sleepers().length === 0)
  await client.finish()
  await server.stop()
  await forwardWhen(tunnels, 'web', ({ health }) => health === 'unhealthy')
  up.signal('SIGINT')
  await up.ended
  const told = eventsIn(up.stdout()).flatMap((event) =>
    event.event === 'state' && event.name === 'web' && event.state === 'open'
      ? [event.health ?? 'unknown']
      : [],
  )
  expect(told).toEqual(['unknown', 'unhealthy', 'healthy', 'unknown', 'healthy', 'unhealthy'])

  function sleepers() {
    return processesWith(tunnels.folder).filter(({ command }) => command.includes('sleep 1000'))
  }
})

describe('up --wait', () => {
  test('is done when a connection has gone through each, and says which carry nothing and why', async () => {
    const [sshd, pages, echo] = await Promise.all([startSshd(), startPages(), startEcho()])
    const [nobody, later, ...ports] = await freePorts(10)
    const acme = JSON.parse(hostYaml(sshd))
    const file = {
      hosts: {
        acme,
        lazy: { ...acme, connect: 'on_demand' },
        unknown: { ...acme, host_keys: undefined },
      },
      defaults: { forwards: { via: 'acme' } },
      forwards: {
        echo: { local: ports[0], to: echo.port },
        idle: { local: ports[1], to: echo.port, via: 'lazy' },
        page: { local: ports[2], to: pages, healthcheck: page('/200', { interval: '1h' }) },
        there: { remote: 'auto', to: echo.port },
        proxy: { dynamic: ports[3] },
        // What listens there is our own.
        seems: { local: ports[4], to: ports[5], profiles: ['ill'] },
        deaf: { local: ports[5], to: nobody, profiles: ['ill'] },
        fails: {
          local: ports[6],
          to: pages,
          healthcheck: page('/500', { interval: '1h' }),
          profiles: ['ill'],
        },
        later: { local: ports[7], to: later, profiles: ['ill'] },
        // Nobody knows of it before its 30 s are over.
        mute: { local: 'auto', to: pages, healthcheck: page('/200/never'), profiles: ['ill'] },
        stranger: { local: 'auto', to: echo.port, via: 'unknown', profiles: ['ill'] },
      },
    }
    const tunnels = project({ 'tunnels.yaml': JSON.stringify(file) })
    const wait = (...args: string[]) => tunnels.run(['up', '--wait', '--trust', ...args])

    expect(await wait()).toMatchObject({ code: 0 })
    const { forwards } = await tunnels.status()
    expect(forwards.map(({ state }) => state)).toEqual(['open', 'open', 'open', 'open', 'open'])
    expect(forwards.find(({ name }) => name === 'page')!.health).toBe('healthy')
    expect(echo.connections()).toBeGreaterThanOrEqual(3)

    const ill = await wait('--wait-timeout', '3s', '--json', 'seems', 'deaf', 'fails')
    const { problems } = JSON.parse(ill.stdout) as { problems: Problem[] }
    expect({ code: ill.code, codes: problems.map(({ code }) => code) }).toEqual({
      code: 1,
      codes: ['TARGET_REFUSED', 'TARGET_REFUSED', 'UNHEALTHY'],
    })

    const mute = await wait('--wait-timeout', '1s', 'mute')
    expect({ code: mute.code, stderr: mute.stderr }).toEqual({
      code: 1,
      stderr: expect.stringContaining('Nothing has come through mute in time'),
    })
    await tunnels.down(['mute'])

    const deaf = await wait('--wait-timeout', '1s', 'deaf')
    expect(deaf.stderr).toMatch(/^deaf: Nobody answers .*; waiting$/m)

    const waiting = wait('later')
    await forwardWhen(tunnels, 'later', ({ state }) => state === 'open')
    await startEcho({ port: later! })
    expect(await waiting).toMatchObject({ code: 0 })

    // Without a person it is not waited for.
    expect(await wait('--wait-timeout', '1h', 'stranger')).toMatchObject({
      code: 4,
      stderr: expect.stringContaining('HOST_KEY_UNKNOWN'),
    })
    expect(await wait('--wait-timeout', 'soon')).toMatchObject({ code: 2 })
    expect(await tunnels.run(['up', '--wait-timeout', '1s'])).toMatchObject({ code: 2 })
  })
})
