import { describe, expect, test } from 'vitest'
import type { HostSpec, Project } from '../../src/model/project.ts'
import { resolveHosts } from '../../src/resolve/hosts.ts'

const surroundings = {
  environment: { SSH_AUTH_SOCK: '/run/agent', MY_AGENT: '/run/mine' },
  home: '/home/me',
  user: 'u',
}

function resolved(hosts: Record<string, Partial<HostSpec>>, ...destinations: string[]) {
  const specs = Object.entries(hosts).map(([name, fields]) => [name, { name, ...fields }] as const)
  return resolveHosts({ hosts: new Map(specs) } as unknown as Project, destinations, surroundings)
}

/** `name: jump`, in the order in which they were found. */
function ways(hosts: Record<string, Partial<HostSpec>>, ...destinations: string[]) {
  return Object.fromEntries([...resolved(hosts, ...destinations)].map(([name, { jump }]) => [name, jump]))
}

test('what the file leaves open is as ssh has it', () => {
  expect(resolved({ acme: {} }, 'acme').get('acme')).toMatchObject({
    hostname: 'acme',
    port: 22,
    user: 'u',
    jump: null,
    agent: '/run/agent',
    strictHostKeyChecking: 'ask',
    connectTimeoutMs: 10_000,
    serverAliveIntervalMs: 15_000,
    serverAliveCountMax: 3,
    identitiesNamed: false,
    userKnownHostsFiles: ['/home/me/.ssh/known_hosts', '/home/me/.ssh/known_hosts2'],
  })
  expect(resolved({ acme: {} }, 'acme').get('acme')?.identityFiles).toContain('/home/me/.ssh/id_ed25519')
})

test('an interval that was set to 0 stays off', () => {
  expect(resolved({ acme: { serverAliveIntervalMs: 0 } }, 'acme').get('acme')?.serverAliveIntervalMs).toBe(0)
})

test.each([
  ['none', null],
  ['SSH_AUTH_SOCK', '/run/agent'],
  ['$MY_AGENT', '/run/mine'],
  ['${MY_AGENT}', '/run/mine'],
  ['$NOT_SET', null],
  ['/run/other', '/run/other'],
])('identity_agent %s', (identityAgent, agent) => {
  expect(resolved({ acme: { identityAgent } }, 'acme').get('acme')?.agent).toBe(agent)
})

describe('jumps', () => {
  test('a hop is reached as it says itself, and shared', () => {
    expect(
      ways({ db: { proxyJump: ['inner'] }, inner: { proxyJump: ['bastion'] }, bastion: {} }, 'db', 'inner'),
    ).toEqual({ bastion: null, inner: 'bastion', db: 'inner' })
  })

  test('in a list each hop goes through the one before it, whatever it says itself', () => {
    expect(ways({ db: { proxyJump: ['a', 'b'] }, a: {}, b: {} }, 'db', 'b')).toEqual({
      a: null,
      'b via a': 'a',
      db: 'b via a',
      b: null,
    })
  })

  test('a hop of a list that would go that way anyway is the same connection', () => {
    expect(ways({ db: { proxyJump: ['a', 'b'] }, a: {}, b: { proxyJump: ['a'] } }, 'db', 'b')).toEqual({
      a: null,
      b: 'a',
      db: 'b',
    })
  })

  test('none is straight, and hosts that nobody needs are not there', () => {
    expect(ways({ db: { proxyJump: [] }, other: {} }, 'db')).toEqual({ db: null })
  })
})
