import { once } from 'node:events'
import { connect as dial, type Socket } from 'node:net'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import type { WantedForward } from '../../src/model/wanted.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { isFull } from '../helpers/sample.ts'
import { startEcho, startServer, startSource, type TestServer } from '../helpers/servers.ts'
import { everywhere, host, local, remote, wanted } from '../plan/wanted.ts'
import { openEcho, world } from './world.ts'

function to(server: TestServer): Partial<WantedForward> {
  return { to: { kind: 'tcp', host: '127.0.0.1', port: server.port } }
}

/** What a server that greets says to whoever connects to `port`. */
async function greeting(port: number): Promise<string> {
  const socket = dial(port, '127.0.0.1')
  let text = ''
  socket.on('data', (chunk) => {
    text += chunk
  })
  socket.on('error', () => {})
  await untilClosed(socket)
  socket.destroy()
  return text
}

function untilClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => socket.once('close', () => resolve()))
}

const unreachable: Problem = { code: 'HOST_UNREACHABLE', summary: 'nobody is there' }

test('a remote forward is listed in one form, whether its host is there or not', async () => {
  const { apply, isOpen, forward, refuse, reconciler } = world()
  const [one, port] = [await startSource('one'), await freePort()]
  refuse.set('acme', unreachable)
  await apply(wanted([remote('a', port, to(one) as never)]))
  await eventually(() => forward('a').state === 'retrying')
  expect(forward('a').listen).toEqual([`localhost:${port}`])
  refuse.clear()
  await reconciler.wake(['a'], true)
  await isOpen('a')
  expect(forward('a').listen).toEqual([`localhost:${port}`])
})

describe('an edit', () => {
  test('to one forward does not disturb the others, nor its own open connections', async () => {
    const { apply, isOpen, forward, made } = world()
    const [one, two, echo] = [await startSource('one'), await startSource('two'), await startEcho()]
    const [a, b] = await freePorts(2)
    await apply(wanted([local('a', a!, to(echo) as never), local('b', b!, to(one) as never)]))
    await isOpen('a')
    const open = await openEcho(a!)
    expect(await open.says('hello')).toBe('hello')
    await apply(wanted([local('a', a!, to(two) as never), local('b', b!, to(one) as never)]))
    expect(await greeting(a!)).toBe('two')
    expect(await greeting(b!)).toBe('one')
    expect(await open.says('still here')).toBe('still here')
    expect(forward('a').connections).toMatchObject({ draining: 1, failed: 0 })
    expect(made).toHaveLength(1)
  })

  test('that removes a forward closes its listener at once and lets connections drain', async () => {
    const { apply, isOpen, reconciler } = world()
    const echo = await startEcho()
    const port = await freePort()
    await apply(wanted([local('a', port, to(echo) as never)]))
    await isOpen('a')
    const open = await openEcho(port)
    expect(await open.says('x')).toBe('x')
    await apply(wanted([]))
    await eventually(() => greeting(port).then((text) => expect(text).toBe('')))
    expect(await open.says('y')).toBe('y')
    expect(reconciler.forwards()).toMatchObject([
      { name: 'a', state: 'draining', connections: { draining: 1 } },
    ])
    open.end()
    await eventually(() => expect(reconciler.forwards()).toEqual([]))
    expect(reconciler.hosts()).toEqual([])
  })

  test('that narrows allow_from cuts those who are no longer allowed', async () => {
    const { apply, isOpen } = world()
    const echo = await startEcho()
    const port = await freePort()
    await apply(wanted([local('a', port, to(echo) as never)]))
    await isOpen('a')
    const open = await openEcho(port)
    await open.says('x')
    const closed = untilClosed(open)
    await apply(wanted([local('a', port, { ...to(echo), allowFrom: ['10.9.9.9'] } as never)]))
    await closed
  })

  test('that swaps two ports hands the listeners over', async () => {
    const { apply, isOpen } = world()
    const [one, two] = [await startSource('one'), await startSource('two')]
    const [p, q] = await freePorts(2)
    await apply(wanted([local('a', p!, to(one) as never), local('b', q!, to(two) as never)]))
    await isOpen('a')
    await apply(wanted([local('a', q!, to(one) as never), local('b', p!, to(two) as never)]))
    expect(await greeting(q!)).toBe('one')
    expect(await greeting(p!)).toBe('two')
  })

  test('of a listen address drains what came in by the old one', async () => {
    const { apply, isOpen, forward } = world()
    const echo = await startEcho()
    const [p, q] = await freePorts(2)
    await apply(wanted([local('a', p!, to(echo) as never)]))
    await isOpen('a')
    const open = await openEcho(p!)
    await open.says('x')
    await apply(wanted([local('a', q!, to(echo) as never)]))
    expect(await open.says('y')).toBe('y')
    expect(forward('a').connections).toMatchObject({ active: 0, draining: 1 })
    await apply(wanted([local('a', p!, { ...to(echo), drainMs: 0 } as never)]))
    expect(await open.says('z')).toBe('z')
  })

  test.each([
    ['via', 'tcp', 0],
    ['to', 'tcp', 600_000],
    ['via', 'socks', 600_000],
  ] as const)('of `%s` takes those along who wait for a dead host (%s)', async (field, kind, drainMs) => {
    const { apply, isOpen, forward, refuse, reconciler } = world()
    const [one, two] = [await startSource('one'), await startSource('two')]
    const port = await freePort()
    const patient = (name: string) => host(name, { connectTimeoutMs: 2 ** 31 - 1 })
    const a = (via: string, server: TestServer) => {
      const way = kind === 'socks' ? { kind: 'dynamic', to: { kind } } : to(server)
      const forwards = [local('a', port, { ...way, via, drainMs } as never)]
      return wanted(forwards, [patient('dead'), patient('acme')])
    }
    refuse.set('dead', unreachable)
    await apply(a('dead', one))
    await eventually(() => forward('a').state === 'retrying')
    const client = await openEcho(port)
    if (kind === 'socks') client.write(Buffer.from([4, 1, one.port >> 8, one.port & 255, 127, 0, 0, 1, 0]))
    await eventually(() => forward('a').connections.active === 1)
    const answer = once(client, 'data')
    await apply(field === 'via' ? a('acme', one) : a('dead', two))
    if (field === 'to') {
      refuse.clear()
      await reconciler.wake(['a'], true)
    }
    await isOpen('a')
    const [said] = await answer
    if (kind === 'socks') expect((said as Buffer)[1]).toBe(0x5a)
    else expect(String(said)).toBe(field === 'via' ? 'one' : 'two')
    expect(forward('a').connections).toMatchObject({ total: 1, failed: 0, refused: 0, draining: 0 })
  })

  test('that renames a forward keeps its listener', async () => {
    const { apply, isOpen, reconciler } = world()
    const one = await startSource('one')
    const port = await freePort()
    await apply(wanted([local('old', port, to(one) as never)]))
    await isOpen('old')
    await apply(wanted([local('new', port, to(one) as never)]))
    expect(await greeting(port)).toBe('one')
    expect(reconciler.forwards().map(({ name }) => name)).toEqual(['new'])
  })

  test('to a port that somebody holds leaves the old one listening, and moves when it is free', async () => {
    const { apply, isOpen, forward } = world()
    const one = await startSource('one')
    const port = await freePort()
    const holder = await startServer((socket) => socket.destroy())
    await apply(wanted([local('a', port, to(one) as never)]))
    await isOpen('a')
    await apply(wanted([local('a', holder.port, to(one) as never)]))
    expect(forward('a')).toMatchObject({ state: 'retrying', problem: { code: 'PORT_IN_USE' } })
    expect(forward('a').problem?.detail).toContain(`Until then it listens on 127.0.0.1:${port}`)
    expect(await greeting(port)).toBe('one')
    await holder.stop()
    await isOpen('a')
    expect(await greeting(holder.port)).toBe('one')
    await eventually(async () => expect(await greeting(port)).toBe(''))
  })

  test('from 9000 to *:9000 that cannot open gives the narrow listener back', async () => {
    const { apply, isOpen, forward, reconciler } = world()
    const one = await startSource('one')
    const port = await freePort()
    const holder = await startServer((socket) => socket.destroy(), { host: '127.0.0.2', port })
    await apply(wanted([local('a', port, to(one) as never)]))
    await isOpen('a')
    const wide = { ...to(one), listen: [{ kind: 'tcp', host: '0.0.0.0', port }] }
    await apply(wanted([local('a', port, wide as never)]))
    expect(forward('a')).toMatchObject({ state: 'retrying', listen: [`127.0.0.1:${port}`] })
    expect(await greeting(port)).toBe('one')
    // Another look at the file is no reason to close what serves for another try.
    const looking = reconciler.wake(['a'], false)
    expect(forward('a')).toMatchObject({ state: 'retrying', listen: [`127.0.0.1:${port}`] })
    await looking
    expect(await greeting(port)).toBe('one')
    await holder.stop()
    await apply(wanted([local('a', port, { ...to(one), listen: everywhere(port) } as never)]))
    await isOpen('a')
    expect(await greeting(port)).toBe('one')
  })
})

test('closing again with less patience cuts what the first was waiting for', async () => {
  const { apply, isOpen, reconciler } = world()
  const echo = await startEcho()
  const port = await freePort()
  await apply(wanted([local('a', port, to(echo) as never)]))
  await isOpen('a')
  const open = await openEcho(port)
  await open.says('x')
  const patient = reconciler.close(600_000)
  expect(await open.says('y')).toBe('y')
  const closed = untilClosed(open)
  await reconciler.close(0)
  await Promise.all([closed, patient])
})

describe('a changed host', () => {
  const at = (user: string, port: number, server: TestServer) =>
    wanted([local('a', port, to(server) as never)], [host('acme', { user })])

  test('is connected before the old connection is let go, which closes after its last user', async () => {
    const { apply, isOpen, made } = world()
    const echo = await startEcho()
    const port = await freePort()
    await apply(at('me', port, echo))
    await isOpen('a')
    const open = await openEcho(port)
    expect(await open.says('1')).toBe('1')
    await apply(at('you', port, echo))
    await eventually(() => expect(made).toHaveLength(2))
    const second = await openEcho(port)
    expect(await second.says('2')).toBe('2')
    expect(await open.says('3')).toBe('3')
    expect(made.map((each) => each.isOpen())).toEqual([true, true])
    open.end()
    await eventually(() => expect(made.map((each) => each.isOpen())).toEqual([false, true]))
  })

  test('gives what goes through the old connection its drain, and no longer', async () => {
    const { apply, isOpen, made, forward } = world()
    const echo = await startEcho()
    const port = await freePort()
    const short = (user: string, drainMs: number) =>
      wanted([local('a', port, { ...to(echo), drainMs } as never)], [host('acme', { user })])
    await apply(short('me', 600_000))
    await isOpen('a')
    const patient = await openEcho(port)
    await patient.says('x')
    await apply(short('me', 0))
    const impatient = await openEcho(port)
    await impatient.says('y')
    const closed = untilClosed(impatient)
    await apply(short('you', 0))
    await closed
    expect(await patient.says('still')).toBe('still')
    expect(forward('a').connections).toMatchObject({ active: 0, draining: 1 })
    expect(made).toHaveLength(2)
  })

  test('that cannot be reached leaves the old connection serving, with the problem in status', async () => {
    const { apply, isOpen, host: statusOf, refuse } = world()
    const one = await startSource('one')
    const port = await freePort()
    await apply(at('me', port, one))
    await isOpen('a')
    refuse.set('you@acme', unreachable)
    await apply(at('you', port, one))
    await eventually(() => expect(statusOf('acme').problem).toMatchObject({ code: 'HOST_UNREACHABLE' }))
    expect(statusOf('acme').state).toBe('open')
    expect(await greeting(port)).toBe('one')
    refuse.clear()
    await eventually(() => expect(statusOf('acme').problem).toBe(null))
    expect(await greeting(port)).toBe('one')
  })

  test('takes its remote listeners along, and gives them back when the new side refuses', async () => {
    const { apply, isOpen, made, refuseListening, forward } = world()
    const one = await startSource('one')
    const port = await freePort()
    const hook = (user: string) => wanted([remote('hook', port, to(one) as never)], [host('acme', { user })])
    await apply(hook('me'))
    await isOpen('hook')
    expect(await greeting(port)).toBe('one')
    await apply(hook('you'))
    await eventually(() => expect(made.map((each) => each.isOpen())).toEqual([false, true]))
    await isOpen('hook')
    expect(await greeting(port)).toBe('one')
    refuseListening.add('she')
    await apply(hook('she'))
    await eventually(() => expect(forward('hook').problem).toMatchObject({ code: 'FORWARD_PROHIBITED' }))
    await eventually(async () => expect(await greeting(port)).toBe('one'))
  })

  test('moves what is behind it, when it is a jump host', async () => {
    const { apply, isOpen, made } = world()
    const [one, bastion] = [await startSource('one'), await startServer((socket) => socket.resume())]
    const port = await freePort()
    const behind = (user: string) =>
      wanted(
        [local('a', port, { ...to(one), via: 'inner' } as never)],
        [
          host('bastion', { user }),
          host('inner', { jump: 'bastion', hostname: '127.0.0.1', port: bastion.port }),
        ],
      )
    await apply(behind('me'))
    await isOpen('a')
    expect(await greeting(port)).toBe('one')
    await apply(behind('you'))
    await eventually(() => expect(made.map((each) => each.isOpen())).toEqual([false, false, true, true]))
    expect(await greeting(port)).toBe('one')
  })

  test('that waits for its host loses nothing to a later one, and holds up no policy', async () => {
    const { apply, refuse, isOpen, forward } = world()
    const [echo, two] = [await startEcho(), await startSource('two')]
    const port = await freePort()
    const a = (server: TestServer, fields: object) =>
      wanted([local('a', port, { ...to(server), ...fields } as never)])
    await apply(a(echo, { via: 'old' }))
    await isOpen('a')
    const open = await openEcho(port)
    await open.says('x')
    refuse.set('slow', unreachable)
    await apply(a(two, { via: 'slow' }))
    expect(await (await openEcho(port)).says('as before')).toBe('as before')
    await apply(a(two, { via: 'slow', allowFrom: ['10.9.9.9'] }))
    expect(await greeting(port)).toBe('')
    expect(forward('a').connections).toMatchObject({ active: 0, refused: 1 })
    await apply(a(two, { via: 'slow', maxConnections: 7 }))
    const again = await openEcho(port)
    expect(await again.says('still as before')).toBe('still as before')
    refuse.clear()
    await isOpen('a')
    expect(await greeting(port)).toBe('two')
    expect(forward('a').connections).toMatchObject({ draining: 1 })
  })

  test('overtakes an edit that still waits for its host: what that one wanted comes to nothing', async () => {
    const { apply, refuse, isOpen, made, forward } = world()
    const one = await startSource('one')
    const [a, hook] = await freePorts(2)
    const via = (name: string, fields = {}) => ({ ...to(one), via: name, ...fields }) as never
    await apply(wanted([local('a', a!, via('old'))]))
    await isOpen('a')
    refuse.set('slow', unreachable)
    await apply(wanted([local('a', a!, via('slow'))]))
    await eventually(() => expect(forward('a').state).toBe('retrying'))
    const keepsSlow = remote('hook', hook!, via('slow'))
    await apply(wanted([local('a', a!, via('new', { kind: 'dynamic', to: { kind: 'socks' } })), keepsSlow]))
    await isOpen('a')
    await eventually(() =>
      expect(made.map(({ host, isOpen }) => [host.name, isOpen()])).toEqual([
        ['old', false],
        ['new', true],
      ]),
    )
    refuse.clear()
    await isOpen('hook')
    made.find(({ host }) => host.name === 'slow')!.lose()
    refuse.set('slow', unreachable)
    await eventually(() => expect(forward('hook').state).toBe('retrying'))
    expect(forward('a')).toMatchObject({ via: 'new', state: 'open' })
  })
})

describe('a host', () => {
  test('that is lost comes back, with its remote listeners, and resets what went through it', async () => {
    const { apply, isOpen, made, host: statusOf } = world()
    const [one, echo] = [await startSource('one'), await startEcho()]
    const [a, b] = await freePorts(2)
    await apply(wanted([remote('hook', a!, to(one) as never), local('web', b!, to(echo) as never)]))
    await isOpen('hook')
    await isOpen('web')
    const open = await openEcho(b!)
    await open.says('x')
    const closed = untilClosed(open)
    made[0]!.lose()
    await closed
    await eventually(() => expect(statusOf('acme')).toMatchObject({ state: 'open', reconnects: 1 }))
    await isOpen('hook')
    expect(await greeting(a!)).toBe('one')
  })

  test('that is not there yet is tried again; a connection waits for it', async () => {
    const { apply, refuse, isOpen, forward, host: statusOf } = world()
    const one = await startSource('one')
    const port = await freePort()
    refuse.set('acme', unreachable)
    await apply(wanted([local('a', port, to(one) as never)]))
    await eventually(() => expect(forward('a')).toMatchObject({ state: 'retrying', problem: unreachable }))
    await eventually(() => expect(statusOf('acme').retryAt).not.toBe(null))
    const answer = greeting(port)
    refuse.clear()
    expect(await answer).toBe('one')
    await isOpen('a')
  })

  test.each(['AUTH_FAILED', 'HOST_KEY_CHANGED'] as const)(
    'that answers %s is not asked again until something changes',
    async (code) => {
      const { apply, refuse, forward, reconciler, isOpen } = world()
      const one = await startSource('one')
      const port = await freePort()
      refuse.set('acme', { code, summary: 'no' })
      await apply(wanted([local('a', port, to(one) as never)]))
      await eventually(() => expect(forward('a')).toMatchObject({ state: 'failed', problem: { code } }))
      expect(await greeting(port)).toBe('')
      refuse.clear()
      reconciler.wake(['a'], true)
      await isOpen('a')
      expect(await greeting(port)).toBe('one')
    },
  )

  test('behind a jump host that fails shows that one as its problem, and follows when it heals', async () => {
    const { apply, refuse, forward, isOpen, reconciler } = world()
    const [one, bastion] = [await startSource('one'), await startServer((socket) => socket.resume())]
    const port = await freePort()
    refuse.set('bastion', { code: 'AUTH_FAILED', summary: 'bastion says no' })
    const inner = host('inner', { jump: 'bastion', hostname: '127.0.0.1', port: bastion.port })
    await apply(wanted([local('a', port, { ...to(one), via: 'inner' } as never)], [inner]))
    await eventually(() =>
      expect(forward('a')).toMatchObject({ state: 'failed', problem: { code: 'AUTH_FAILED' } }),
    )
    expect(forward('a').problem?.summary).toContain('bastion says no')
    refuse.clear()
    reconciler.wake(['a'], true)
    await isOpen('a')
    expect(await greeting(port)).toBe('one')
  })
})

test('for any sequence of projects, nothing is left to do, and what is declared works', async () => {
  const servers = [await startSource('0'), await startSource('1'), await startSource('2')]
  const ports = await freePorts(7)
  /** The hosts of this test are all this machine, so each has ports of its own. */
  const listen = fc.constantFrom(
    ...ports.slice(0, 3).flatMap((port) => ['a', 'b'].map((via) => ({ port, via, isRemote: false }))),
    ...ports.slice(3).map((port, index) => ({ port, via: index % 2 ? 'a' : 'b', isRemote: true })),
  )
  const forwardOf = fc
    .record({ name: fc.constantFrom('f1', 'f2', 'f3', 'f4'), listen, to: fc.integer({ min: 0, max: 2 }) })
    .map(({ listen: where, ...rest }) => ({ ...rest, ...where }))
  const unique = { selector: (entry: { name: string }) => entry.name }
  const project = fc.uniqueArray(forwardOf, unique).map((list) => {
    const taken = new Set<number>()
    return list.filter(({ port }) => !taken.has(port) && taken.add(port))
  })
  const build = (list: { name: string; port: number; via: string; isRemote: boolean; to: number }[]) =>
    wanted(
      list.map(({ name, port, via, isRemote, to: index }) => {
        const fields = { via, ...to(servers[index]!) } as never
        return isRemote ? remote(name, port, fields) : local(name, port, fields)
      }),
    )
  await fc.assert(
    fc.asyncProperty(fc.array(project, { minLength: 2, maxLength: 4 }), async (projects) => {
      const { apply, reconciler, isOpen } = world()
      try {
        for (const list of projects) {
          await apply(build(list))
          for (const { name } of list) await isOpen(name)
          for (const { port, to: index } of list) expect(await greeting(port)).toBe(String(index))
        }
      } finally {
        await reconciler.close(0)
      }
      for (const port of ports) expect(await greeting(port)).toBe('')
    }),
    { numRuns: isFull ? 200 : 20 },
  )
})
