// What a `run` opens, shares, gives back and is refused, as decisions: the supervisor only carries them out.

import { describe, expect, test } from 'vitest'
import type { Selection } from '../../src/control/protocol.ts'
import type { ProblemError } from '../../src/model/problem.ts'
import type { Project } from '../../src/model/project.ts'
import type { Wanted, WantedForward } from '../../src/model/wanted.ts'
import { portsWanted, selectForwards } from '../../src/resolve/select.ts'
import {
  broughtBy,
  changesHeld,
  forOwnHosts,
  forwardsOf,
  type Lease,
  openLease,
  refuseOther,
  statusOf,
  stopInLeases,
  withLeases,
  withoutLease,
} from '../../src/supervisor/leases.ts'
import { addSelection } from '../../src/supervisor/selection.ts'
import { host, local, loopback, remote, wanted } from '../plan/wanted.ts'
import { selectionOf } from './selection-of.ts'

const up = selectionOf(['/p/tunnels.yaml'], { names: ['web'], environment: { PORT: '9000' } })
const forward = (name: string, via: string, profiles: string[] = []) =>
  [name, { name, via, profiles }] as const
const project = {
  forwards: new Map([forward('web', 'acme'), forward('db', 'acme'), forward('dbg', 'spare', ['debug'])]),
  hosts: new Map([
    ['acme', {}],
    ['spare', {}],
  ]),
} as unknown as Project

function lease(part: Partial<Selection>, more: Partial<Lease> = {}): Lease {
  const selection = { ...up, names: null, environment: {}, ...part }
  return { ...openLease(selection, { pid: 42, autoPorts: false }), ...more }
}

function selected(held: Selection, leases: readonly Lease[]): string[] {
  return [...selectForwards(project, withLeases(held, leases)).selected].sort()
}

describe('what it opens, and gives back', () => {
  test('its part comes beside what is held, and replaces nothing of it', () => {
    expect(selected(up, [lease({ names: ['db'] })])).toEqual(['db', 'web'])
    expect(selected(up, [lease({ names: ['acme'] })])).toEqual(['db', 'web'])
    expect(selected(up, [lease({})])).toEqual(['db', 'web'])
    expect(selected(up, [lease({ profiles: ['debug'] })])).toEqual(['db', 'dbg', 'web'])
    expect(selected(up, [lease({ names: ['dbg'] })])).toEqual(['dbg', 'web'])
    const held = withLeases(up, [lease({ names: ['db'], profiles: ['debug'] })])
    expect(held).toMatchObject({ names: ['web'], profiles: [], files: up.files })
  })

  test('without one, what is held is what is held', () => {
    expect(withLeases(up, [])).toBe(up)
  })

  test('two share; what one of them gives back, the other keeps, and only its own goes', () => {
    const [one, two] = [lease({ names: ['db'] }), lease({ names: ['db', 'dbg'] })]
    expect(selected(up, [one, two])).toEqual(['db', 'dbg', 'web'])
    expect(selected(up, withoutLease([one, two], two))).toEqual(['db', 'web'])
    expect(selected(up, withoutLease([one, two], one))).toEqual(['db', 'dbg', 'web'])
    expect(selected(up, withoutLease([one], one))).toEqual(['web'])
    expect(withoutLease([one, two], lease({ names: ['db'] }))).toEqual([one, two])
  })

  test('one whose part was changed meanwhile is still the one that is given back', () => {
    const [one, two] = [lease({ names: ['db'] }), lease({ names: ['db'] })]
    const stopped = stopInLeases([one, two], ['db'])
    expect(withoutLease(stopped, one)).toEqual([stopped[1]])
    expect(withoutLease([forOwnHosts(one, ['A'])], one)).toEqual([])
  })

  test('`down NAME` closes it for those who are there, and not for who comes later', () => {
    const there = stopInLeases([lease({ names: ['db', 'dbg'] })], ['db'])
    expect(selected(up, there)).toEqual(['dbg', 'web'])
    expect(selected(up, stopInLeases(there, ['dbg']))).toEqual(['web'])
    expect(selected(up, [...there, lease({ names: ['db'] })])).toEqual(['db', 'dbg', 'web'])
  })

  test('it opens what an `up` has stopped, and takes over nothing that somebody else stopped', () => {
    const held = { ...up, names: null, stopped: ['db'] }
    expect(selected(held, [])).toEqual(['web'])
    expect(selected(held, [lease({ names: ['db'], stopped: ['db'] })])).toEqual(['db', 'web'])
  })

  test('an `up` that comes keeps its own part and leaves each lease what it has', () => {
    const leases = [lease({ names: ['dbg'] })]
    const after = addSelection(up, { ...up, names: ['db'] }, project.forwards)
    expect(selected(after, leases)).toEqual(['db', 'dbg', 'web'])
    expect(selected(after, [])).toEqual(['db', 'web'])
  })

  test('who holds what is told: all of its part, what runs anyway included', () => {
    const leases = [lease({ names: ['acme'] }), lease({ names: ['dbg'] }, { pid: null })]
    expect(forwardsOf(leases[0]!, project)).toEqual(['web', 'db'])
    expect(statusOf(leases, project)).toEqual([
      { pid: 42, since: leases[0]!.since, forwards: ['web', 'db'] },
      { pid: null, since: leases[1]!.since, forwards: ['dbg'] },
    ])
    expect(statusOf(stopInLeases(leases, ['web']), project)[0]!.forwards).toEqual(['db'])
  })

  test('free ports are for its own part alone: what an `up` or another run has keeps the port of the file', () => {
    const ports = (leases: Lease[]) => {
      const { written, auto } = portsWanted(project, withLeases(up, leases))
      return { written: [...written].sort(), auto: [...auto].sort() }
    }
    const auto = lease({ names: ['web', 'db'] }, { autoPorts: true })
    expect(ports([auto])).toEqual({ written: ['web'], auto: ['db', 'web'] })
    expect(ports([auto, lease({ names: ['db'] })])).toEqual({ written: ['db', 'web'], auto: ['db', 'web'] })
    expect(ports(stopInLeases([auto], ['db']))).toEqual({ written: ['web'], auto: ['web'] })
  })
})

describe('whose variables count', () => {
  test("what is held comes first; what only leases have, is the newest one's", () => {
    const leases = [
      lease({ environment: { PORT: '1', A: 'one', B: 'one' } }),
      lease({ environment: { B: 'two', C: 'two' } }),
    ]
    expect(withLeases(up, leases).environment).toEqual({ PORT: '9000', A: 'one', B: 'two', C: 'two' })
    expect(withLeases(up, withoutLease(leases, leases[1]!)).environment).toEqual({
      PORT: '9000',
      A: 'one',
      B: 'one',
    })
  })

  test('what it alone brings can be kept for hosts of its own', () => {
    const newcomer = lease({ environment: { PORT: '9000', SSH_AUTH_SOCK: '/a', LANG: 'C' } })
    expect(broughtBy(newcomer, up)).toEqual(['SSH_AUTH_SOCK', 'LANG'])
    expect(broughtBy(newcomer, withLeases(up, [lease({ environment: { LANG: 'C' } })]))).toEqual([
      'SSH_AUTH_SOCK',
    ])
    const less = forOwnHosts(newcomer, ['SSH_AUTH_SOCK'])
    expect(less.selection.environment).toEqual({ PORT: '9000', LANG: 'C' })
    expect(less.ofOwnHosts).toEqual({ SSH_AUTH_SOCK: '/a' })
    expect(withLeases(up, [less])).toMatchObject({
      environment: { PORT: '9000', LANG: 'C' },
      leases: [{ ofOwnHosts: { SSH_AUTH_SOCK: '/a' } }],
    })
    expect([less.id, less.pid, less.since]).toEqual([newcomer.id, newcomer.pid, newcomer.since])
  })
})

describe('what is refused', () => {
  const refusal = (brought: Partial<Selection>, variables = ['PORT', 'TOKEN'], held = up) => {
    try {
      refuseOther(held, { ...up, ...brought }, variables)
      return null
    } catch (error) {
      return (error as ProblemError).problems[0]!
    }
  }

  test('the same files with the same values are not; neither is anything else of the environment', () => {
    expect(refusal({})).toBeNull()
    expect(refusal({ names: ['db'], profiles: ['debug'], stopped: ['web'], projectName: 'x' })).toBeNull()
    expect(refusal({ environment: { PORT: '9000', PATH: '/other' } })).toBeNull()
    expect(refusal({ environment: { PORT: '1' } }, [])).toBeNull()
    // Only one of them has it: what that changes, is looked at when it is known what would come of it.
    expect(refusal({ environment: {} })).toBeNull()
    expect(refusal({ environment: { PORT: '9000', TOKEN: 'x' } })).toBeNull()
  })

  test('other files, in another order, another .env or other input are', () => {
    const two = { ...up, files: ['/p/a.yaml', '/p/b.yaml'] }
    expect(refusal({ files: ['/p/b.yaml', '/p/a.yaml'] }, [], two)).toMatchObject({
      code: 'USAGE',
      summary: expect.stringContaining('other files'),
      detail: expect.stringContaining('/p/a.yaml /p/b.yaml'),
    })
    expect(refusal({ files: ['/p/tunnels.yaml', '/p/b.yaml'] })?.summary).toContain('other files')
    expect(refusal({ envFile: '/p/ci.env' })?.summary).toContain('--env-file')
    expect(refusal({ input: 'forwards: {}' })?.summary).toContain('standard input')
  })

  test('other values of what the files mention are, by name and never by value', () => {
    const secret = { PORT: '9001', TOKEN: 'secret-b' }
    const held = { ...up, environment: { PORT: '9000', TOKEN: 'secret-a' } }
    const problem = refusal({ environment: secret }, ['PORT', 'TOKEN'], held)
    expect(problem?.summary).toContain('another value of PORT, TOKEN')
    expect(JSON.stringify(problem)).not.toContain('secret-')
    expect(refusal({ environment: { PORT: '' } })?.summary).toContain('another value of PORT')
  })

  test('the values of another run count as those of an `up` do', () => {
    const held = withLeases({ ...up, environment: {} }, [lease({ environment: { TOKEN: 'a' } })])
    expect(refusal({ environment: { TOKEN: 'b' } }, ['TOKEN'], held)?.summary).toContain('TOKEN')
  })
})

describe('what would be moved', () => {
  const web = local('web', 9000)
  const before = wanted([web])
  const changes = (after: WantedForward[], hosts: Parameters<typeof wanted>[1] = [], from: Wanted = before) =>
    changesHeld(from, wanted(after, hosts))

  test('nothing, by more forwards, more hosts and more ports of what is there', () => {
    expect(changes([web])).toBe(false)
    expect(changes([web, local('db', 9001, { via: 'other' }), remote('hook', 7000)])).toBe(false)
    expect(changes([local('web', 9000, { listen: [...loopback(9000), ...loopback(45000)] })])).toBe(false)
    expect(changesHeld(wanted([]), before)).toBe(false)
  })

  test.each<[string, WantedForward[], Parameters<typeof wanted>[1]?]>([
    ['another port', [local('web', 9001)]],
    ['less of its ports', [local('web', 9000, { listen: [] })]],
    ['another target', [local('web', 9000, { to: { kind: 'tcp', host: 'elsewhere', port: 1 } })]],
    ['another host', [local('web', 9000, { via: 'other' })]],
    ['another kind', [remote('web', 9000)]],
    ['who may use it', [local('web', 9000, { allowFrom: ['10.0.0.0/8'] })]],
    ['that it goes', [local('db', 9001)]],
    ['another user of its host', [web], [host('acme', { user: 'other' })]],
    ['an agent of its host', [web], [host('acme', { agent: '/run/agent' })]],
    ['the way to its host', [web], [host('acme', { jump: 'bastion' })]],
  ])('all that is there, by %s', (_what, after, hosts = []) => {
    expect(changes(after, hosts)).toBe(true)
  })

  test('a remote forward, by what is asked of its host', () => {
    const hook = wanted([remote('hook', 7000)])
    expect(changes([remote('hook', 7000)], [], hook)).toBe(false)
    expect(changes([remote('hook', 7001)], [], hook)).toBe(true)
  })
})
