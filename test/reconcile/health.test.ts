import { describe, expect, test } from 'vitest'
import type { WantedHealthcheck } from '../../src/model/wanted.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { startEcho, startServer, startSource, type TestServer } from '../helpers/servers.ts'
import { host, local, remote, wanted } from '../plan/wanted.ts'
import { openEcho, world } from './world.ts'

const soon = () => AbortSignal.timeout(20_000)

function to(port: number) {
  return { to: { kind: 'tcp' as const, host: '127.0.0.1', port } }
}

function checked(fields: Partial<WantedHealthcheck> = {}) {
  const healthcheck: WantedHealthcheck = {
    check: { type: 'connect' },
    intervalMs: 20,
    timeoutMs: 5_000,
    retries: 2,
    startPeriodMs: 0,
    ...fields,
  }
  return { healthcheck }
}

describe('a probe', () => {
  test('passes only where the target keeps the connection, and is no connection of the forward', async () => {
    const { apply, reconciler, forward } = world()
    const servers: TestServer[] = [
      await startEcho(),
      await startSource('hello'),
      await startServer((socket) => socket.end()),
      await startServer((socket) => setImmediate(() => socket.resetAndDestroy())),
    ]
    const ports = await freePorts(6)
    const targets = [...servers.map(({ port }) => port), await freePort()]
    await apply(
      wanted([
        ...targets.map((port, index) => local(`f${index}`, ports[index]!, to(port))),
        remote('there', ports[5]!, to(servers[0]!.port)),
      ]),
    )
    const outcomes = await Promise.all(
      ['f0', 'f1', 'f2', 'f3', 'f4', 'there'].map((name) => reconciler.probe(name, soon())),
    )
    // A reset may come before the connection is known to be there.
    const down = expect.objectContaining({ code: expect.stringMatching(/TARGET_(REFUSED|UNREACHABLE)/) })
    expect(outcomes).toEqual([null, null, down, down, down, null])
    expect(forward('f0').connections.total).toBe(0)
    expect(reconciler.probe('nobody', soon())).toBeUndefined()
    await eventually(() => servers.every((server) => server.open() === 0))
  })

  test('fails where the forward does not listen, though its target answers', async () => {
    const { apply, reconciler } = world()
    const server = await startEcho()
    await apply(wanted([local('web', server.port, to(server.port))]))
    expect(await reconciler.probe('web', soon())).toMatchObject({ code: 'PORT_IN_USE' })
  })

  test('wakes a host that is idle', async () => {
    const { apply, reconciler, forward } = world()
    const server = await startEcho()
    await apply(
      wanted([local('web', await freePort(), to(server.port))], [host('acme', { connect: 'on_demand' })]),
    )
    await eventually(() => expect(forward('web').state).toBe('idle'))
    expect(await reconciler.probe('web', soon())).toBeNull()
    expect(forward('web').state).toBe('open')
  })
})

test('health follows the target: unhealthy after so many failures, healthy with the next success', async () => {
  const { apply, forward } = world()
  const [port, listen] = await freePorts(2)
  await apply(wanted([local('web', listen!, { ...to(port!), ...checked() })]))
  await eventually(() => expect(forward('web').health).toBe('unhealthy'))
  expect(forward('web')).toMatchObject({ state: 'open', problem: { code: 'UNHEALTHY' } })
  const server = await startEcho({ port: port! })
  await eventually(() => expect(forward('web')).toMatchObject({ health: 'healthy', problem: null }))
  await server.stop()
  await eventually(() => expect(forward('web').health).toBe('unhealthy'))
})

test('failures of the start do not count, and a host that is lost says nothing of the target', async () => {
  const { apply, forward, made, refuse } = world()
  const [port, listen] = await freePorts(2)
  const starting = checked({ startPeriodMs: 1_000_000_000, retries: 1 })
  await apply(wanted([local('web', listen!, { ...to(port!), ...starting })]))
  const server = await startEcho({ port: port! })
  await eventually(() => expect(forward('web').health).toBe('healthy'))
  refuse.set('acme', { code: 'HOST_UNREACHABLE', summary: 'gone' })
  made[0]!.lose()
  await eventually(() => expect(forward('web')).toMatchObject({ state: 'retrying', health: 'unknown' }))
  refuse.clear()
  await eventually(() => expect(forward('web')).toMatchObject({ state: 'open', health: 'healthy' }))
  await server.stop()
  await eventually(() => expect(forward('web').health).toBe('unhealthy'))
})

test('checks wake no on-demand host, and keep none connected; a command is run only while somebody uses it', async () => {
  const { apply, forward, made } = world()
  const [server, ports] = [await startEcho(), await freePorts(2)]
  const acme = host('acme', { connect: 'on_demand', disconnectAfterMs: 100 })
  const command = { type: 'command' as const, command: ['true'], environment: {}, folder: '/' }
  const tool = { ...to(server.port), ...checked({ check: command }) }
  await apply(
    wanted(
      [local('web', ports[0]!, { ...to(server.port), ...checked() }), local('tool', ports[1]!, tool)],
      [acme],
    ),
  )
  await eventually(() => expect(forward('web').state).toBe('idle'))
  expect(made).toEqual([])
  const client = await openEcho(ports[0]!)
  expect(await client.says('hello')).toBe('hello')
  await eventually(() =>
    expect([forward('web').health, forward('tool').health]).toEqual(['healthy', 'healthy']),
  )
  client.destroy()
  await eventually(() => expect(forward('web')).toMatchObject({ state: 'idle', health: 'unknown' }))
  expect(made.length).toBe(1)
  expect(made[0]!.isOpen()).toBe(false)
})
