import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Wanted, WantedForward } from '../../src/model/wanted.ts'
import { formatSteps, toPlanJson } from '../../src/plan/plan.ts'
import { makePlan } from '../../src/plan/planner.ts'
import { nothingRuns, type OpenConnection, type Snapshot } from '../../src/plan/snapshot.ts'
import { isFull } from '../helpers/sample.ts'
import { everywhere, host, local, loopback, remote, wanted } from './wanted.ts'

const client: OpenConnection = {
  from: { address: '127.0.0.1', port: 40_000 },
  target: { kind: 'tcp', host: 'localhost', port: 5432 },
}

/** What runs once `of` has been applied, with `connections` open on each forward. */
function running(of: Wanted, connections = 0): Snapshot {
  const open = Array.from({ length: connections }, () => client)
  return {
    hosts: of.hosts,
    forwards: new Map([...of.forwards.values()].map((spec) => [spec.name, { spec, open }])),
  }
}

function steps(from: Wanted, to: Wanted): string[] {
  return formatSteps(makePlan(to, running(from)))
    .split('\n')
    .filter(Boolean)
}

function changes(from: Wanted, to: Wanted, connections = 0) {
  return makePlan(to, running(from, connections)).changes.map((change) =>
    [
      change.action,
      change.what,
      change.name,
      change.cause,
      ...change.fields,
      `interrupts ${change.interrupts}`,
    ].join(' '),
  )
}

describe('what the file says against what runs', () => {
  test('everything is opened where nothing runs: hosts that others jump through first', () => {
    const target = wanted([local('db', 9000, { via: 'inner' })], [host('inner', { jump: 'bastion' })])
    const plan = makePlan(target, nothingRuns)
    expect(formatSteps(plan)).toBe(
      [
        'open-host bastion',
        'open-host inner',
        'open-forward db',
        'open-listener tcp:127.0.0.1:9000 for db',
      ].join('\n'),
    )
    expect(toPlanJson('shop', plan).summary).toEqual({ open: 3, update: 0, reopen: 0, close: 0 })
  })

  test('a key of the file that stands for several fields is named once', () => {
    const via = (fields: object) => wanted([local('db', 9000)], [host('acme', fields)])
    const named = via({ identityFiles: ['/k'], identitiesNamed: true })
    expect(changes(via({}), named)).toEqual(['reopen host acme changed identity_file interrupts 0'])
  })

  test('nothing changed: nothing to do', () => {
    const same = wanted([local('db', 9000), remote('hook', 7000)])
    expect(steps(same, same)).toEqual([])
  })

  const healthcheck: WantedForward['healthcheck'] = {
    check: { type: 'connect' },
    intervalMs: 1,
    timeoutMs: 1,
    retries: 1,
    startPeriodMs: 0,
  }

  test.each<[string, Partial<WantedForward>, string, number]>([
    ['to', { to: { kind: 'tcp', host: 'db2', port: 1 } }, 'route', 2],
    ['via', { via: 'other' }, 'route', 2],
    ['auth', { auth: { username: 'a', password: 'b' } }, 'route', 2],
    ['http', { hostHeader: 'x' }, 'route', 2],
    ['allow_from', { allowFrom: ['10.0.0.1'] }, 'policy', 0],
    ['max_connections', { maxConnections: 1 }, 'limits', 0],
    ['drain', { drainMs: 1 }, 'limits', 0],
    ['healthcheck', { healthcheck }, 'limits', 0],
    ['description', { description: 'x' }, 'limits', 0],
  ])('a changed %s is an update in place', (field, fields, kind, interrupts) => {
    const from = wanted([local('db', 9000)], [host('other')])
    const to = wanted([local('db', 9000, fields as never)], [host('acme'), host('other')])
    expect(steps(from, to)).toContain(`update-forward db (${kind})`)
    expect(changes(from, to, 2)).toContain(`update forward db changed ${field} interrupts ${interrupts}`)
  })

  test('allow_from interrupts only those that it now refuses', () => {
    const from = wanted([local('db', 9000)])
    const to = wanted([local('db', 9000, { allowFrom: ['10.0.0.1'] })])
    const plan = makePlan(
      to,
      running(from, 3),
      (_forward, connection) => connection.from.address === '127.0.0.1',
    )
    expect(plan.changes).toMatchObject([{ fields: ['allow_from'], interrupts: 3 }])
  })

  test('a changed listen address opens the new listener before the old one closes', () => {
    expect(steps(wanted([local('db', 9000)]), wanted([local('db', 9001)]))).toEqual([
      'update-forward db (listen)',
      'open-listener tcp:127.0.0.1:9001 for db',
      'close-listener tcp:127.0.0.1:9000 for db',
    ])
  })

  test('9000 to *:9000: the narrow one gives way, and is restored when the wide one cannot open', () => {
    expect(
      steps(wanted([local('db', 9000)]), wanted([local('db', 9000, { listen: everywhere(9000) })])),
    ).toEqual([
      'yield-listener tcp:127.0.0.1:9000 to tcp:[::]:9000, restored on failure',
      'update-forward db (listen)',
      'open-listener tcp:[::]:9000 for db',
    ])
  })

  test('swapped ports: no listener closes, only their owners change', () => {
    const from = wanted([local('a', 9000), local('b', 9001)])
    const to = wanted([local('a', 9001), local('b', 9000)])
    expect(steps(from, to)).toEqual([
      'update-forward a (listen)',
      'update-forward b (listen)',
      'hand-over-listener tcp:127.0.0.1:9001 for a',
      'hand-over-listener tcp:127.0.0.1:9000 for b',
    ])
  })

  test('a renamed forward keeps its listener', () => {
    expect(steps(wanted([local('old', 9000)]), wanted([local('new', 9000)]))).toEqual([
      'open-forward new',
      'hand-over-listener tcp:127.0.0.1:9000 for new',
      'close-forward old',
    ])
  })

  test('a Unix socket whose mode changed gives way to itself', () => {
    const listen = [{ kind: 'unix' as const, path: '/run/x.sock' }]
    const from = wanted([local('s', 0, { listen })])
    const to = wanted([local('s', 0, { listen, socket: { mode: 0o660, replace: true, project: '/' } })])
    expect(steps(from, to)).toEqual([
      'yield-listener unix:/run/x.sock to unix:/run/x.sock',
      'update-forward s (listen)',
      'open-listener unix:/run/x.sock for s',
    ])
  })

  test('a remote port: the new one first, unless it is the same port of the same server', () => {
    expect(steps(wanted([remote('hook', 7000)]), wanted([remote('hook', 7001)]))).toEqual([
      'reopen-forward hook',
      'open-listener remote:acme:7001 for hook',
      'close-listener remote:acme:7000 for hook',
    ])
    const wide = remote('hook', 7000, { listen: { kind: 'tcp', bind: 'any', port: 7000 } })
    expect(steps(wanted([remote('hook', 7000)]), wanted([wide]))).toEqual([
      'yield-listener remote:acme:7000 to remote:acme:*:7000, restored on failure',
      'reopen-forward hook',
      'open-listener remote:acme:*:7000 for hook',
    ])
  })

  test('another kind on the same port is a new forward on the same listener', () => {
    const socks = local('web', 9000, { kind: 'dynamic', to: { kind: 'socks' } })
    expect(steps(wanted([local('web', 9000)]), wanted([socks]))).toEqual(['reopen-forward web'])
  })

  test('a changed host reopens everything behind it, and says what that interrupts', () => {
    const at = (user: string) =>
      wanted(
        [local('db', 9000, { via: 'inner' })],
        [host('bastion', { user }), host('inner', { jump: 'bastion' })],
      )
    expect(steps(at('me'), at('you'))).toEqual(['reopen-host bastion', 'reopen-host inner'])
    expect(changes(at('me'), at('you'), 2)).toEqual([
      'reopen host bastion changed user interrupts 0',
      'reopen host inner changed proxy_jump interrupts 2',
    ])
  })

  test.each<[string, object]>([
    ['reconnect', { reconnect: { initialMs: 1, maxMs: 2, attempts: 3 } }],
    ['server_alive_interval', { serverAliveIntervalMs: 1 }],
    ['server_alive_count_max', { serverAliveCountMax: 1 }],
    ['connect_timeout', { connectTimeoutMs: 1 }],
    ['connect', { connect: 'on_demand' }],
    ['disconnect_after', { disconnectAfterMs: 1 }],
  ])('a changed %s of a host interrupts nothing', (field, fields) => {
    const from = wanted([local('db', 9000)])
    const to = wanted([local('db', 9000)], [host('acme', fields)])
    expect(changes(from, to, 2)).toEqual([`update host acme changed ${field} interrupts 0`])
  })

  test('closing says whether the file or the selection dropped it', () => {
    const from = wanted([local('a', 9000), local('b', 9001)])
    expect(changes(from, wanted([local('a', 9000)]), 4)).toEqual(['close forward b removed interrupts 4'])
    expect(changes(from, wanted([local('a', 9000)], [], ['b']))).toEqual([
      'close forward b deselected interrupts 0',
    ])
    expect(changes(from, wanted([]))).toContain('close host acme unused interrupts 0')
  })
})

describe('for any two projects', () => {
  const ports = fc.integer({ min: 9000, max: 9004 })
  const via = fc.constantFrom('a', 'b', 'c')
  const forward = fc.record({
    name: fc.constantFrom('f1', 'f2', 'f3', 'f4'),
    port: ports,
    via,
    isRemote: fc.boolean(),
    isWide: fc.boolean(),
    to: ports,
  })
  const project = fc
    .record({
      forwards: fc.uniqueArray(forward, { selector: ({ name }) => name }),
      users: fc.record({ a: fc.constantFrom('x', 'y'), b: fc.constantFrom('x', 'y') }),
      jump: fc.constantFrom(null, 'a', 'b'),
    })
    .map(({ forwards, users, jump }) => {
      const taken = new Set<string>()
      const distinct = forwards.filter(({ port, isRemote, via: carrier }) => {
        const key = isRemote ? `${carrier} ${port}` : String(port)
        return !taken.has(key) && taken.add(key)
      })
      return wanted(
        distinct.map(({ name, port, via: carrier, isRemote, isWide, to }) => {
          const fields = { via: carrier, to: { kind: 'tcp' as const, host: 'h', port: to } }
          if (isRemote) return remote(name, port, fields)
          return local(name, port, { ...fields, listen: isWide ? everywhere(port) : loopback(port) })
        }),
        [host('a', { user: users.a }), host('b', { user: users.b }), host('c', { jump })],
      )
    })

  test('planning again after the plan was applied finds nothing left to do', () => {
    fc.assert(
      fc.property(project, project, (a, b) => {
        expect(makePlan(b, apply(makePlan(b, running(a)), running(a))).steps).toEqual([])
      }),
      { numRuns: isFull ? 5_000 : 500 },
    )
  })

  /** What the register holds after the steps were carried out, one by one. */
  function apply({ steps: list }: ReturnType<typeof makePlan>, before: Snapshot): Snapshot {
    const hosts = new Map(before.hosts)
    const forwards = new Map(before.forwards)
    for (const step of list) {
      if ('host' in step) hosts.set(step.host.name, step.host)
      else if (step.do === 'close-host') hosts.delete(step.name)
      else if (step.do === 'close-forward') forwards.delete(step.name)
      else if (typeof (step as { forward?: unknown }).forward === 'object') {
        const { forward: spec } = step as { forward: WantedForward }
        forwards.set(spec.name, { spec, open: [] })
      }
    }
    return { hosts, forwards }
  }

  test('no two listeners that overlap are ever open at once', () => {
    fc.assert(
      fc.property(project, project, (a, b) => {
        const open = new Map<string, string>()
        for (const step of makePlan(a, nothingRuns).steps)
          if (step.do === 'open-listener') open.set(step.key, step.forward)
        for (const step of makePlan(b, running(a)).steps) {
          if (step.do === 'yield-listener' || step.do === 'close-listener') open.delete(step.key)
          if (step.do === 'open-listener') {
            const port = step.key.split(':').at(-1)
            const rivals = [...open.keys()].filter(
              (key) => key.startsWith('tcp') && key.split(':').at(-1) === port,
            )
            if (step.key.startsWith('tcp')) expect(rivals).toEqual([])
            open.set(step.key, step.forward)
          }
        }
      }),
    )
  })
})
