// `tunnels doctor` against a real sshd: each step that can go wrong, once; and all of them well.

import { writeFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { diagnose } from '../../src/doctor/diagnose.ts'
import type { ForwardDiagnosis, HostDiagnosis, Step, StepName } from '../../src/model/diagnosis.ts'
import type { ForwardStatus, Status } from '../../src/model/status.ts'
import type { WantedForward, WantedHost } from '../../src/model/wanted.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { canListen, freePort } from '../helpers/ports.ts'
import { startEcho, startServer } from '../helpers/servers.ts'
import { makeKey, type SshdOptions, startSshd } from '../helpers/sshd.ts'
import { local, remote, wanted } from '../plan/wanted.ts'
import { hostFor, NEVER, plainHost } from '../ssh/support.ts'

async function examine(hosts: WantedHost[], forwards: WantedForward[], status: Status | null = null) {
  const told: string[] = []
  const onFound = ({ name }: HostDiagnosis | ForwardDiagnosis) => told.push(name)
  const found = await diagnose(wanted(forwards, hosts), { status, onFound, signal: NEVER })
  expect(told.length).toBe(found.hosts.length + found.forwards.length)
  const stepsOf = (name: string) =>
    [...found.hosts, ...found.forwards].find((each) => each.name === name)!.steps
  return {
    ...found,
    told,
    stepsOf,
    stepOf: (name: string, step: StepName) => stepsOf(name).find((each) => each.step === step)!,
  }
}

/** Through a server with these lines of sshd_config. */
async function through(forwards: WantedForward[], options: SshdOptions = {}) {
  const sshd = await startSshd(options)
  const found = await examine([hostFor(sshd)], forwards)
  await eventually(() => sshd.sessions().length === 0)
  return found
}

const brief = (steps: Step[]) => steps.map(({ step, outcome }) => `${step} ${outcome}`).join(', ')
const REACHED = 'name well, connection well, banner well, host_key well, login well'
const tcp = (port: number, host = '127.0.0.1') => ({ kind: 'tcp', host, port }) as const
const anywhere = (port: number) => ({ listen: { kind: 'tcp', bind: 'any', port } }) as const

test('all is well: L, R and D, TCP and Unix, one login for all of them, and everything is given back', async () => {
  const [sshd, echo, folder] = await Promise.all([startSshd(), startEcho(), testFolder()])
  const [l, r, d] = [await freePort(), await freePort(), await freePort()]
  await startEcho({ path: folder.join('far.sock') })
  const found = await examine(
    [hostFor(sshd)],
    [
      local('l', l, { to: tcp(echo.port) }),
      local('unix', 0, {
        listen: [{ kind: 'unix', path: folder.join('near.sock') }],
        to: { kind: 'unix', path: folder.join('far.sock') },
      }),
      local('d', d, { kind: 'dynamic', to: { kind: 'socks' } }),
      remote('r', r, { to: tcp(echo.port) }),
      remote('s', await freePort(), { to: { kind: 'socks' } }),
      remote('u', 0, { listen: { kind: 'unix', path: folder.join('back.sock') }, to: tcp(echo.port) }),
    ],
  )
  expect(brief(found.stepsOf('acme'))).toBe(REACHED)
  expect(found.stepsOf('acme').map(({ summary }) => summary)).toEqual([
    '127.0.0.1 is an address',
    `127.0.0.1:${sshd.port} takes the connection`,
    expect.stringMatching(/^SSH-2\.0-OpenSSH/),
    `ssh-ed25519 ${sshd.hostKeyFingerprint} is on file`,
    expect.stringMatching(
      `^${sshd.user} is let in, by publickey ssh-ed25519 SHA256:.* \\(${sshd.identityFile}\\)$`,
    ),
  ])
  expect(brief(found.stepsOf('l'))).toBe('listen well, policy well, target well')
  expect(brief(found.stepsOf('unix'))).toBe('listen well, policy well, target well')
  expect(brief(found.stepsOf('d'))).toBe('listen well, policy well')
  expect(brief(found.stepsOf('r'))).toBe('remote_listen well, reach well, target well')
  expect(found.stepOf('r', 'reach').summary).toContain('127.0.0.1')
  expect(brief(found.stepsOf('s'))).toBe('remote_listen well, reach well, target well')
  expect(brief(found.stepsOf('u'))).toBe('remote_listen well, target well')
  expect(found.told).toEqual(['acme', 'l', 'unix', 'd', 'r', 's', 'u'])
  expect(sshd.logins()).toBe(1)
  await eventually(() => sshd.sessions().length === 0)
  await eventually(async () => (await canListen('127.0.0.1', r)) && (await canListen('127.0.0.1', l)))
})

test('an unknown name', async () => {
  const { stepsOf, stepOf } = await examine(
    [plainHost(22, { hostname: 'nowhere.invalid' })],
    [local('l', await freePort())],
  )
  expect(brief(stepsOf('acme'))).toBe(
    'name wrong, connection not_reached, banner not_reached, host_key not_reached, login not_reached',
  )
  expect(stepOf('acme', 'name').problem?.hint).toContain('`HostName ADDRESS`')
  expect(brief(stepsOf('l'))).toBe('listen well, policy not_reached, target not_reached')
})

test('a closed port', async () => {
  const port = await freePort()
  const { stepOf } = await examine([plainHost(port)], [])
  expect(stepOf('acme', 'name').outcome).toBe('well')
  expect(stepOf('acme', 'connection').problem).toMatchObject({
    code: 'HOST_UNREACHABLE',
    hint: expect.stringContaining(`\`Port ${port}\``),
  })
})

test('no SSH server', async () => {
  const server = await startServer((socket) => socket.end('220 mail ready\r\n'))
  const { stepOf } = await examine([plainHost(server.port)], [])
  expect(stepOf('acme', 'connection').outcome).toBe('well')
  expect(stepOf('acme', 'banner').problem).toMatchObject({
    code: 'HOST_PROTOCOL',
    detail: 'It says: 220 mail ready',
  })
})

test('a wrong host key, and an unknown one', async () => {
  const sshd = await startSshd()
  const wrongKey = { hostKeys: ['SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8'] }
  const changed = await examine([hostFor(sshd, wrongKey)], [])
  expect(changed.stepOf('acme', 'banner').outcome).toBe('well')
  expect(changed.stepOf('acme', 'host_key').problem?.code).toBe('HOST_KEY_CHANGED')
  const unknown = await examine([hostFor(sshd, { userKnownHostsFiles: [] })], [])
  expect(unknown.stepOf('acme', 'host_key').problem?.code).toBe('HOST_KEY_UNKNOWN')
  expect(unknown.stepOf('acme', 'login').outcome).toBe('not_reached')
  expect(sshd.logins()).toBe(0)
})

test('a key that is not let in', async () => {
  const sshd = await startSshd({ authorizedKeys: [] })
  const { stepOf } = await examine([hostFor(sshd)], [])
  expect(stepOf('acme', 'host_key').outcome).toBe('well')
  expect(stepOf('acme', 'login').problem).toMatchObject({
    code: 'AUTH_FAILED',
    detail: expect.stringContaining('takes: publickey'),
    hint: expect.stringContaining('IdentityFile'),
  })
})

test('AllowTcpForwarding no', async () => {
  const echo = await startEcho()
  const { stepOf, stepsOf } = await through(
    [
      local('l', await freePort(), { to: tcp(echo.port) }),
      local('d', await freePort(), { kind: 'dynamic', to: { kind: 'socks' } }),
      remote('r', await freePort(), { to: tcp(echo.port) }),
    ],
    { config: ['AllowTcpForwarding no'] },
  )
  expect(brief(stepsOf('l'))).toBe('listen well, policy wrong, target not_reached')
  expect(brief(stepsOf('d'))).toBe('listen well, policy wrong')
  expect(brief(stepsOf('r'))).toBe('remote_listen wrong, reach not_reached, target well')
  for (const [name, step] of [
    ['l', 'policy'],
    ['d', 'policy'],
    ['r', 'remote_listen'],
  ] as const)
    expect(stepOf(name, step).problem?.hint).toMatch(/In its sshd_config: `AllowTcpForwarding yes`, and no/)
})

test('a target that PermitOpen leaves out', async () => {
  const echo = await startEcho()
  const { stepOf } = await through(
    [
      local('l', await freePort(), { to: tcp(echo.port) }),
      local('d', await freePort(), { kind: 'dynamic', to: { kind: 'socks' } }),
    ],
    { config: ['PermitOpen db.internal:5432'] },
  )
  // Its clients may ask for just that.
  expect(stepOf('d', 'policy').outcome).toBe('unclear')
  expect(stepOf('l', 'policy').problem).toMatchObject({
    code: 'FORWARD_PROHIBITED',
    hint: expect.stringContaining(`In its sshd_config: \`PermitOpen 127.0.0.1:${echo.port}\``),
  })
})

test('a port that PermitListen leaves out', async () => {
  const [echo, port] = [await startEcho(), await freePort()]
  const { stepOf } = await through([remote('r', port, { to: tcp(echo.port) })], {
    config: ['PermitListen 127.0.0.1:1'],
  })
  expect(stepOf('r', 'remote_listen').problem).toMatchObject({
    code: 'FORWARD_PROHIBITED',
    hint: expect.stringContaining(`In its sshd_config: \`PermitListen ${port}\``),
  })
})

const EXEC = ['seen by a command there', [] as string[]] as const
const NO_EXEC = ['tried out where no command may run', ['ForceCommand /bin/false']] as const

test.each([EXEC, NO_EXEC])('GatewayPorts no narrows "*:7000" in silence: %s', async (_how, config) => {
  const [echo, port] = [await startEcho(), await freePort()]
  const { stepOf } = await through([remote('r', port, { ...anywhere(port), to: tcp(echo.port) })], {
    config: [...config, 'GatewayPorts no'],
  })
  expect(stepOf('r', 'remote_listen').outcome).toBe('well')
  expect(stepOf('r', 'reach').problem).toMatchObject({
    code: 'REMOTE_BIND_DIFFERS',
    summary: expect.stringContaining('nobody outside'),
    hint: expect.stringMatching(/`GatewayPorts clientspecified`[\s\S]*`gateway: relay`/),
  })
})

test('a relay is started, looked at and ended; where no command may run, that is what is wrong', async () => {
  const [echo, port] = [await startEcho(), await freePort()]
  const relayed = { ...anywhere(port), to: tcp(echo.port), gateway: 'relay' } as const
  const forwards = [remote('r', port, relayed)]
  const well = await through(forwards, { config: ['GatewayPorts no'] })
  expect(brief(well.stepsOf('r'))).toBe('remote_listen well, reach well, target well')
  await eventually(() => canListen('127.0.0.1', port))
  const { stepOf } = await through(forwards, { config: ['ForceCommand /bin/false'] })
  expect(stepOf('r', 'remote_listen').problem).toMatchObject({
    code: 'FORWARD_PROHIBITED',
    hint: expect.stringContaining('ForceCommand'),
  })
  expect(stepOf('r', 'reach').outcome).toBe('not_reached')
})

test.each([EXEC, NO_EXEC])('GatewayPorts yes widens a bare port in silence: %s', async (_how, config) => {
  const [echo, port] = [await startEcho(), await freePort()]
  const { stepOf } = await through([remote('r', port, { to: tcp(echo.port) })], {
    config: [...config, 'GatewayPorts yes'],
  })
  expect(stepOf('r', 'reach').problem).toMatchObject({
    code: 'REMOTE_BIND_DIFFERS',
    summary: expect.stringContaining('all its interfaces'),
  })
})

test.each([EXEC, NO_EXEC])('GatewayPorts clientspecified is well, both ways: %s', async (_how, config) => {
  const [echo, wide, narrow] = [await startEcho(), await freePort(), await freePort()]
  const { stepOf } = await through(
    [
      remote('wide', wide, { ...anywhere(wide), to: tcp(echo.port) }),
      remote('narrow', narrow, { to: tcp(echo.port) }),
    ],
    { config: [...config, 'GatewayPorts clientspecified'] },
  )
  expect(stepOf('wide', 'reach').outcome).toBe('well')
  expect(stepOf('narrow', 'reach').outcome).toBe('well')
  expect(echo.connections()).toBeLessThanOrEqual(2)
})

test('where neither a command nor a connection is let through, nothing is claimed', async () => {
  const port = await freePort()
  const { stepOf } = await through([remote('r', port)], {
    config: ['ForceCommand /bin/false', 'AllowTcpForwarding remote'],
  })
  expect(stepOf('r', 'remote_listen').outcome).toBe('well')
  expect(stepOf('r', 'reach').outcome).toBe('unclear')
})

test('targets that do not answer: refused, an unknown name, a Unix socket that is not there', async () => {
  const closed = await freePort()
  const { stepOf } = await through([
    local('refused', await freePort(), { to: tcp(closed) }),
    local('name', await freePort(), { to: tcp(80, 'nowhere.invalid') }),
    local('unix', await freePort(), { to: { kind: 'unix', path: '/nowhere/far.sock' } }),
    remote('here', await freePort(), { to: tcp(closed) }),
  ])
  expect(stepOf('refused', 'policy').outcome).toBe('well')
  expect(stepOf('refused', 'target').problem?.code).toBe('TARGET_REFUSED')
  expect(stepOf('name', 'target').problem?.code).toBe('TARGET_UNRESOLVED')
  expect(stepOf('unix', 'target').problem).toMatchObject({
    code: 'TARGET_REFUSED',
    hint: expect.stringContaining('`AllowStreamLocalForwarding yes`'),
  })
  expect(stepOf('here', 'target').problem?.code).toBe('TARGET_REFUSED')
})

test('ports that are taken: here by a process that is named, there by something else', async () => {
  const [here, there] = [await startEcho(), await startEcho()]
  const { stepOf } = await through([
    local('l', here.port),
    // A bare port would be given on ::1, where nobody is.
    remote('r', 0, { listen: { kind: 'tcp', bind: { address: '127.0.0.1' }, port: there.port } }),
  ])
  expect(stepOf('l', 'listen').problem).toMatchObject({
    code: 'PORT_IN_USE',
    summary: expect.stringContaining(String(process.pid)),
  })
  expect(stepOf('r', 'remote_listen').problem?.code).toBe('REMOTE_PORT_IN_USE')
  expect(here.connections()).toBe(0)
})

test('a host behind a jump host that is not reached is not tried; one that the jump may not reach is told', async () => {
  const [gate, acme] = await Promise.all([startSshd({ config: ['PermitOpen 127.0.0.1:1'] }), startSshd()])
  const behind = hostFor(acme, { name: 'inner', jump: 'acme' })
  const first = await examine(
    [plainHost(await freePort()), behind],
    [local('l', await freePort(), { via: 'inner' })],
  )
  expect(first.told).toEqual(['acme', 'inner', 'l'])
  expect(brief(first.stepsOf('inner'))).toMatch(/^jump wrong, banner not_reached/)
  expect(brief(first.stepsOf('l'))).toBe('listen well, policy not_reached, target not_reached')
  const second = await examine([hostFor(gate), behind], [])
  expect(second.stepOf('inner', 'jump').problem).toMatchObject({
    code: 'FORWARD_PROHIBITED',
    hint: expect.stringContaining(`\`PermitOpen 127.0.0.1:${acme.port}\``),
  })
  await eventually(() => gate.sessions().length === 0 && acme.sessions().length === 0)
})

test('what the running project holds is left alone', async () => {
  const [sshd, echo, taken] = await Promise.all([startSshd(), startEcho(), startEcho()])
  const forward = (name: string, kind: 'local' | 'remote', listen: string[]) =>
    ({ name, kind, via: 'acme', listen, state: 'open' }) as ForwardStatus
  const status = {
    supervisor: { pid: 4711 },
    forwards: [
      forward('l', 'local', [`127.0.0.1:${taken.port}`]),
      forward('r', 'remote', [`localhost:${taken.port}`]),
    ],
  } as Status
  const { stepOf } = await examine(
    [hostFor(sshd)],
    [local('l', taken.port, { to: tcp(echo.port) }), remote('r', taken.port, { to: tcp(echo.port) })],
    status,
  )
  expect(stepOf('l', 'listen')).toMatchObject({
    outcome: 'well',
    summary: expect.stringContaining('held by this project (process 4711)'),
  })
  expect(stepOf('r', 'remote_listen')).toMatchObject({
    outcome: 'well',
    summary: expect.stringContaining('held by this project'),
  })
  expect(stepOf('r', 'reach').outcome).toBe('well')
  expect(taken.connections()).toBe(0)
})

test('given up in the middle, everything is closed', async () => {
  const [sshd, stuck] = await Promise.all([
    startSshd(),
    startServer((socket) => socket.resume().on('end', () => socket.end())),
  ])
  const end = new AbortController()
  const hosts = [hostFor(sshd), plainHost(stuck.port, { name: 'stuck', connectTimeoutMs: 60_000 })]
  const work = diagnose(wanted([], hosts), { status: null, onFound: () => {}, signal: end.signal })
  await eventually(() => stuck.open() === 1 && sshd.logins() === 1)
  end.abort(new Error('enough'))
  await expect(work).rejects.toThrow('enough')
  await eventually(() => stuck.open() === 0 && sshd.sessions().length === 0)
})

test('a key of another kind than on file is said in the step of the host key', async () => {
  const folder = testFolder()
  const sshd = await startSshd()
  await makeKey(folder.join('other'), 'ed25519')
  writeFileSync(folder.join('known'), `[127.0.0.1]:${sshd.port} ${sshd.publicKey}\n`)
  const { stepOf } = await examine([hostFor(sshd, { userKnownHostsFiles: [folder.join('known')] })], [])
  expect(stepOf('acme', 'host_key').problem).toMatchObject({
    code: 'HOST_KEY_CHANGED',
    hint: expect.stringContaining('ssh-keygen -R'),
  })
})
