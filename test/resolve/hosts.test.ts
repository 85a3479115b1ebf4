import { describe, expect, test } from 'vitest'
import type { HostSpec } from '../../src/model/project.ts'
import { resolved } from './resolving.ts'

/** `name: jump`, in the order in which they were found. */
async function ways(hosts: Record<string, Partial<HostSpec>>, ...destinations: string[]) {
  const found = await resolved(withoutSsh(hosts), destinations)
  return Object.fromEntries([...found.hosts].map(([name, { jump }]) => [name, jump]))
}

async function acme(spec: Partial<HostSpec>) {
  const environment = { SSH_AUTH_SOCK: '/run/agent', MY_AGENT: '/run/mine' }
  const { hosts } = await resolved(withoutSsh({ acme: spec }), ['acme'], {
    caller: environment,
    environment,
    home: '/home/me',
  })
  return hosts.get('acme')!
}

function withoutSsh(hosts: Record<string, Partial<HostSpec>>): Record<string, Partial<HostSpec>> {
  return Object.fromEntries(
    Object.entries(hosts).map(([name, spec]) => [name, { sshConfig: false, ...spec }]),
  )
}

test('what the file leaves open is as ssh has it', async () => {
  const host = await acme({})
  expect(host).toMatchObject({
    hostname: 'acme',
    port: 22,
    user: 'me',
    jump: null,
    agent: '/run/agent',
    strictHostKeyChecking: 'ask',
    connectTimeoutMs: 10_000,
    serverAliveIntervalMs: 15_000,
    serverAliveCountMax: 3,
    identitiesNamed: false,
    userKnownHostsFiles: ['/home/me/.ssh/known_hosts', '/home/me/.ssh/known_hosts2'],
  })
  expect(host.identityFiles).toContain('/home/me/.ssh/id_ed25519')
})

test('an interval that was set to 0 stays off', async () => {
  expect((await acme({ serverAliveIntervalMs: 0 })).serverAliveIntervalMs).toBe(0)
})

test.each([
  ['none', null],
  ['SSH_AUTH_SOCK', '/run/agent'],
  ['$MY_AGENT', '/run/mine'],
  ['${MY_AGENT}', '/run/mine'],
  ['$NOT_SET', null],
  ['/run/other', '/run/other'],
])('identity_agent %s', async (identityAgent, agent) => {
  expect((await acme({ identityAgent })).agent).toBe(agent)
})

describe('jumps', () => {
  test('a hop is reached as it says itself, and shared', async () => {
    expect(
      await ways(
        { db: { proxyJump: ['inner'] }, inner: { proxyJump: ['bastion'] }, bastion: {} },
        'db',
        'inner',
      ),
    ).toEqual({ bastion: null, inner: 'bastion', db: 'inner' })
  })

  test('in a list each hop goes through the one before it, whatever it says itself', async () => {
    expect(await ways({ db: { proxyJump: ['a', 'b'] }, a: {}, b: {} }, 'db', 'b')).toEqual({
      a: null,
      'b via a': 'a',
      db: 'b via a',
      b: null,
    })
  })

  test('a hop of a list that would go that way anyway is the same connection', async () => {
    expect(await ways({ db: { proxyJump: ['a', 'b'] }, a: {}, b: { proxyJump: ['a'] } }, 'db', 'b')).toEqual({
      a: null,
      b: 'a',
      db: 'b',
    })
  })

  test('none is straight, and hosts that nobody needs are not there', async () => {
    expect(await ways({ db: { proxyJump: [] }, other: {} }, 'db')).toEqual({ db: null })
  })
})
