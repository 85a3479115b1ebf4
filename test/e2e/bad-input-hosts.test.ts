// Hosts that cannot be used: each trouble has its own code and sentence within connect_timeout, and none of them
// stands in the way of the hosts that are fine.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Problem } from '../../src/model/problem.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { startEcho, startHttp, startServer } from '../helpers/servers.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { startBlackhole } from './dead-ends.ts'

/** A project with one forward, `it`, via each of these hosts. */
async function projectWith(
  hosts: Record<string, string>,
): Promise<CliProject & { ports: Record<string, number> }> {
  const echo = await startEcho()
  const ports: Record<string, number> = {}
  for (const name of Object.keys(hosts)) ports[name] = await freePort()
  const hostLines = Object.entries(hosts).map(([name, host]) => `  ${name}: ${host}\n`)
  const forwardLines = Object.keys(hosts).map(
    (name) => `  to-${name}: -L ${ports[name]}:127.0.0.1:${echo.port} ${name}\n`,
  )
  const text = `hosts:\n${hostLines.join('')}forwards:\n${forwardLines.join('')}`
  return { ...project({ 'tunnels.yaml': text }), ports }
}

/** A host as hostYaml has it, at another place. */
const elsewhere = (sshd: Sshd, hostname: string, port: number, more = {}) =>
  hostYaml(sshd, { hostname, port, connect_timeout: '3s', ...more })

async function troubleOf(cli: CliProject, name: string) {
  const { hosts, forwards } = await cli.status()
  const { state, problem } = hosts.find((host) => host.name === name)!
  const forward = forwards.find(({ via }) => via === name)!
  expect(forward.problem?.code).toBe(problem?.code)
  expect(forward.state).toBe(state)
  return { state, ...(problem as Problem) }
}

test('each has its own code and sentence, and the host that is fine carries', async () => {
  const [sshd, stranger, blackhole, mute, web, mail, closed] = await Promise.all([
    startSshd(),
    startSshd({ authorizedKeys: [] }),
    startBlackhole(),
    startServer(() => {}),
    startHttp(),
    startServer((socket) => void socket.write('220 mail.example.com ESMTP\r\n')),
    freePort(),
  ])
  const cli = await projectWith({
    fine: hostYaml(sshd),
    refused: elsewhere(sshd, '127.0.0.1', closed),
    swallowed: elsewhere(sshd, '127.0.0.1', blackhole),
    mute: elsewhere(sshd, '127.0.0.1', mute.port),
    nameless: elsewhere(sshd, 'nowhere.invalid', 22),
    web: elsewhere(sshd, '127.0.0.1', web.port),
    mail: elsewhere(sshd, '127.0.0.1', mail.port),
    shut: hostYaml(stranger),
    behind: elsewhere(sshd, '127.0.0.1', closed, { proxy_jump: 'fine' }),
  })
  const up = await cli.run(['up', '-d'])
  expect(up).toMatchObject({ code: 1, stdout: '' })
  expect((await exchange(cli.ports.fine!, 'carried')).toString()).toBe('carried')

  const expected: Record<string, [string, string, RegExp]> = {
    refused: ['retrying', 'HOST_UNREACHABLE', /refused/],
    swallowed: ['retrying', 'HOST_TIMEOUT', /timed out|did not answer/],
    mute: ['retrying', 'HOST_TIMEOUT', /timed out|did not answer/],
    nameless: ['retrying', 'HOST_UNRESOLVED', /nowhere\.invalid/],
    web: ['retrying', 'HOST_PROTOCOL', /SSH/],
    mail: ['retrying', 'HOST_PROTOCOL', /SSH/],
    shut: ['failed', 'AUTH_FAILED', /does not let .* in/],
    behind: ['retrying', 'HOST_UNREACHABLE', /cannot be reached/],
  }
  for (const [name, [state, code, words]] of Object.entries(expected)) {
    // Told by `up`, and held in status.
    const trouble = await troubleOf(cli, name)
    expect(trouble).toMatchObject({ state, code })
    expect(`${trouble.summary} ${trouble.detail}`).toMatch(words)
    expect(trouble.summary).toContain(name)
    expect(trouble.summary).not.toMatch(/\.$|E[A-Z]{4,}/)
    expect(trouble.hint).toBeTruthy()
    expect(trouble.detail ?? '').not.toContain(trouble.summary.split(': ').at(-1))
    expect(up.stderr).toContain(`to-${name} is ${state}`)
    expect(up.stderr).toContain(code)
  }
  expect(up.stderr).not.toContain('to-fine is')
  expect(stranger.logins()).toBe(0)
})

describe('a host key that nobody vouches for', () => {
  /** Its log tells every request of a client, and only what is asked after the keys are agreed on is one. */
  const watchful = () => startSshd({ config: ['LogLevel DEBUG1'] })
  const loginsTried = (sshd: Sshd) => sshd.log().match(/userauth-request for user/g)?.length ?? 0

  test('unknown: 4, with its fingerprint and what to do, and nothing was said of who we are', async () => {
    const sshd = await watchful()
    const unpinned = { host_keys: undefined, user_known_hosts_file: './known_hosts' }
    const cli = await projectWith({ acme: hostYaml(sshd, unpinned) })
    const up = await cli.run(['up', '-d', '--trust'])
    expect(up.code).toBe(4)
    expect(up.stderr).toContain('HOST_KEY_UNKNOWN')
    expect(up.stderr).toContain(sshd.hostKeyFingerprint)
    const trouble = await troubleOf(cli, 'acme')
    expect(trouble).toMatchObject({ state: 'waiting', code: 'HOST_KEY_UNKNOWN' })
    expect(trouble.hint).toMatch(/tunnels up.*host_keys/)
    await eventually(() => sshd.sessions().length === 0)
    expect(sshd.connections()).toBe(1)
    expect(loginsTried(sshd)).toBe(0)

    // Somebody looks at it and puts it on file: the next `up` takes it.
    writeFileSync(join(cli.folder, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${sshd.hostPublicKeys[0]}\n`)
    await cli.up()
    expect((await exchange(cli.ports.acme!, 'known now')).toString()).toBe('known now')
    expect(loginsTried(sshd)).toBeGreaterThan(0)
  })

  test('changed: failed, with both fingerprints, where the old one is, and what to do; never asked again by itself', async () => {
    const [sshd, former] = await Promise.all([watchful(), startSshd()])
    const unpinned = { host_keys: undefined, user_known_hosts_file: './known_hosts' }
    const cli = await projectWith({ acme: hostYaml(sshd, unpinned) })
    writeFileSync(join(cli.folder, 'known_hosts'), `[127.0.0.1]:${sshd.port} ${former.hostPublicKeys[0]}\n`)
    const up = await cli.run(['up', '-d', '--trust'])
    expect(up.code).toBe(1)
    const trouble = await troubleOf(cli, 'acme')
    expect(trouble).toMatchObject({ state: 'failed', code: 'HOST_KEY_CHANGED' })
    for (const key of [sshd, former]) expect(trouble.detail).toContain(key.hostKeyFingerprint)
    expect(trouble.detail).toContain(`${join(cli.folder, 'known_hosts')}:1`)
    expect(trouble.hint).toContain(`ssh-keygen -R '[127.0.0.1]:${sshd.port}'`)
    expect(up.stderr).toContain(sshd.hostKeyFingerprint)
    expect(up.stderr).toContain('ssh-keygen -R')
    await eventually(() => sshd.sessions().length === 0)
    expect(sshd.connections()).toBe(1)
    expect(loginsTried(sshd)).toBe(0)
  })

  test('another than the pinned one: failed, and an edit of the pin heals it', async () => {
    const [sshd, other] = await Promise.all([watchful(), startSshd()])
    const cli = await projectWith({ acme: hostYaml(sshd, { host_keys: [other.hostKeyFingerprint] }) })
    const up = await cli.run(['up', '-d'])
    expect(up.code).toBe(1)
    expect(await troubleOf(cli, 'acme')).toMatchObject({ state: 'failed', code: 'HOST_KEY_CHANGED' })
    expect(up.stderr).toContain(sshd.hostKeyFingerprint)
    expect(up.stderr).toContain(other.hostKeyFingerprint)
    expect(loginsTried(sshd)).toBe(0)
    const echo = await startEcho()
    cli.write(
      'tunnels.yaml',
      `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  it: -L ${cli.ports.acme}:127.0.0.1:${echo.port} acme\n`,
    )
    await eventually(async () => expect((await cli.run(['status', '--check'])).code).toBe(0))
    expect((await exchange(cli.ports.acme!, 'pinned')).toString()).toBe('pinned')
  })
})

test('a refused key is offered once, not again and again; the right one heals it', async () => {
  const sshd = await startSshd()
  const cli = await projectWith({ acme: hostYaml(sshd, { identity_file: './key' }) })
  await makeKey(join(cli.folder, 'key'), 'ed25519')
  const up = await cli.run(['up', '-d'])
  expect(up.code).toBe(1)
  const trouble = await troubleOf(cli, 'acme')
  expect(trouble).toMatchObject({ state: 'failed', code: 'AUTH_FAILED' })
  expect(`${trouble.summary} ${trouble.detail}`).toContain(join(cli.folder, 'key'))
  expect(sshd.connections()).toBe(1)
  writeFileSync(sshd.authorizedKeysFile, readFileSync(join(cli.folder, 'key.pub')))
  await cli.up()
  expect((await exchange(cli.ports.acme!, 'let in')).toString()).toBe('let in')
})

test('an identity file that is not there, or is no key, is named', async () => {
  const sshd = await startSshd()
  const cli = await projectWith({
    gone: hostYaml(sshd, { identity_file: './nowhere' }),
    nonsense: hostYaml(sshd, { identity_file: './tunnels.yaml' }),
  })
  const up = await cli.run(['up', '-d'])
  expect([1, 4]).toContain(up.code)
  for (const [name, file] of Object.entries({ gone: 'nowhere', nonsense: 'tunnels.yaml' })) {
    const { code, summary, detail } = await troubleOf(cli, name)
    expect(code).toMatch(/^AUTH_/)
    expect(`${summary} ${detail}`).toContain(join(cli.folder, file))
  }
})
