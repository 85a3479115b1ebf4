// `tunnels doctor` as a person and a script have it: the words, the JSON, the exit codes, what it leaves alone and what
// it waits for.

import { existsSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Diagnosis, Step } from '../../src/model/diagnosis.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePort } from '../helpers/ports.ts'
import { processesWith } from '../helpers/processes.ts'
import { startEcho, startServer, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { NASTY, startHostileServer } from '../ssh/hostile-server.ts'
import { expectSchema } from './json-schemas.ts'
import { forwardOf, projectVia } from './project-via.ts'

let sshd: Sshd
let echo: TestServer

beforeAll(async () => {
  ;[sshd, echo] = await Promise.all([startSshd(), startEcho()])
})

async function diagnosisOf(
  cli: CliProject,
  args: string[] = [],
): Promise<{ code: number | null; found: Diagnosis }> {
  const { code, stdout } = await cli.run(['doctor', '--trust', '--json', ...args])
  const found = JSON.parse(stdout) as Diagnosis
  expectSchema('doctor', found)
  return { code, found }
}

const brief = (steps: Step[] | undefined) =>
  steps?.map(({ step, outcome }) => `${step} ${outcome}`).join(', ')

/** Three ports, and a forward of each kind on them. */
async function oneOfEach() {
  const [l, r, d] = [await freePort(), await freePort(), await freePort()]
  const to = `127.0.0.1:${echo.port}`
  return { ports: { l, r, d }, forwards: { l: { local: l, to }, r: { remote: r, to }, d: { dynamic: d } } }
}

test('all is well: each step in a line, nothing on the other stream but the verdict, exit code 0', async () => {
  const { ports, forwards } = await oneOfEach()
  const cli = projectVia(sshd, forwards)
  const { code, stdout, stderr } = await cli.run(['doctor', '--trust'])
  expect(code).toBe(0)
  expect(stderr.trim()).toBe('All well')
  expect(stdout).toContain(`host acme (${sshd.user}@127.0.0.1:${sshd.port})\n  ✓ name `)
  expect(stdout).toContain(`✓ login          ${sshd.user} is let in`)
  expect(stdout).toContain('forward r (remote, via acme)\n  ✓ remote listen')
  expect(stdout).not.toMatch(/[✗?·\x1b]/)
  const { found } = await diagnosisOf(cli)
  expect(found.forwards.map(({ name, steps }) => `${name}: ${brief(steps)}`)).toEqual([
    'l: listen well, policy well, target well',
    'r: remote_listen well, reach well, target well',
    'd: listen well, policy well',
  ])
  await eventually(() => sshd.sessions().length === 0)
  for (const port of Object.values(ports)) expect(await canListen('127.0.0.1', port)).toBe(true)
  expect(existsSync(`${cli.folder}/.runtime/shop`)).toBe(false)
})

test('what runs is not disturbed: its ports are held by this project, its connections live on', async () => {
  const { forwards } = await oneOfEach()
  const cli = projectVia(sshd, forwards)
  await cli.up()
  const before = await cli.status()
  const { code, found } = await diagnosisOf(cli)
  expect(code).toBe(0)
  const steps = found.forwards.flatMap((forward) => forward.steps)
  const held = steps.filter(({ summary }) =>
    summary.includes(`held by this project (process ${before.supervisor.pid})`),
  )
  expect(held.length).toBe(3)
  const after = await cli.status()
  expect(after.forwards.map(({ state, since, connections }) => ({ state, since, connections }))).toEqual(
    before.forwards.map(({ state, since, connections }) => ({ state, since, connections })),
  )
})

test.each([
  ['waits for a person', { host_keys: undefined }, 'waiting', 4],
  ['cannot reach its host', { port: 1, host_keys: undefined }, 'retrying', 1],
])('the ports of what runs are held by this project while it %s', async (_what, host, state, code) => {
  const { forwards } = await oneOfEach()
  const cli = projectVia(sshd, { l: forwards.l, d: forwards.d }, { host })
  expect((await cli.run(['up', '-d'])).code).toBe(code)
  expect((await forwardOf(cli, 'l')).state).toBe(state)
  const { pid } = (await cli.status()).supervisor
  const { found } = await diagnosisOf(cli)
  for (const { steps } of found.forwards)
    expect(steps[0]).toMatchObject({
      outcome: 'well',
      summary: expect.stringContaining(`held by this project (process ${pid})`),
    })
})

test('a port that somebody else has is not held by the forward that waits for it', async () => {
  const taken = await startEcho()
  const cli = projectVia(sshd, { l: { local: `127.0.0.1:${taken.port}`, to: 1 } })
  expect((await cli.run(['up', '-d'])).code).toBe(1)
  expect((await forwardOf(cli, 'l')).listen).toEqual([`127.0.0.1:${taken.port}`])
  const { found } = await diagnosisOf(cli)
  expect(found.forwards[0]?.steps[0]).toMatchObject({ outcome: 'wrong', problem: { code: 'PORT_IN_USE' } })
})

test('a name picks what is looked at', async () => {
  const { forwards } = await oneOfEach()
  const cli = projectVia(sshd, forwards)
  expect((await diagnosisOf(cli, ['d'])).found.forwards.map(({ name }) => name)).toEqual(['d'])
  expect((await diagnosisOf(cli, ['acme'])).found.forwards.map(({ name }) => name)).toEqual(['l', 'r', 'd'])
  expect((await cli.run(['doctor', 'nobody'])).code).toBe(2)
})

describe('exit codes', () => {
  test('1 for a red step, and the remedy under it', async () => {
    const strict = await startSshd({ config: ['AllowTcpForwarding no'] })
    const cli = projectVia(strict, { l: { local: await freePort(), to: 'db:5432' } })
    const { code, stdout, stderr } = await cli.run(['doctor', '--trust'])
    expect(code).toBe(1)
    expect(stdout).toMatch(
      /✗ policy .*\[FORWARD_PROHIBITED\]\n(.*\n)*\s+→ In its sshd_config: `AllowTcpForwarding yes`/,
    )
    expect(stdout).toContain('· target         not reached')
    expect(stderr.trim()).toBe('1 step is red')
  })

  test('4 where a person is needed', async () => {
    const { host_keys: _, ...acme } = JSON.parse(hostYaml(sshd)) as Record<string, unknown>
    const forwards = { l: { via: 'acme', local: await freePort(), to: 1 } }
    const cli = project({ 'tunnels.yaml': JSON.stringify({ hosts: { acme }, forwards }) })
    const { code, found } = await diagnosisOf(cli)
    expect(code).toBe(4)
    expect(brief(found.hosts[0]?.steps)).toBe(
      'name well, connection well, banner well, host_key wrong, login not_reached',
    )
  })

  test('2 for a file that is wrong, before anything is opened', async () => {
    const before = sshd.connections()
    const cli = projectVia(sshd, { l: { local: 'nowhere at all', to: 1 } })
    expect((await cli.run(['doctor'])).code).toBe(2)
    expect(sshd.connections()).toBe(before)
  })

  test('4 for a file that nobody has agreed to, before anything is opened or run', async () => {
    const before = sshd.connections()
    const cli = projectVia(
      sshd,
      { r: { remote: await freePort(), to: 1 } },
      { host: { proxy_command: 'touch was-run' } },
    )
    const { code, stderr } = await cli.run(['doctor'])
    expect(code).toBe(4)
    expect(stderr).toContain('UNTRUSTED')
    expect(existsSync(`${cli.folder}/was-run`)).toBe(false)
    expect(sshd.connections()).toBe(before)
    expect((await cli.run(['doctor', '--trust'])).code).toBe(1)
    expect(existsSync(`${cli.folder}/was-run`)).toBe(true)
  })

  test('130 for Ctrl-C in the middle, at once, and nothing stays', async () => {
    const stuck = await startServer((socket) => socket.resume().on('end', () => socket.end()))
    const cli = project({
      'tunnels.yaml': JSON.stringify({
        hosts: {
          stuck: { hostname: '127.0.0.1', port: stuck.port, ssh_config: false, connect_timeout: '60s' },
          command: { proxy_command: `nc 127.0.0.1 ${stuck.port}`, ssh_config: false, connect_timeout: '60s' },
        },
        forwards: {
          l: { via: 'stuck', local: await freePort(), to: 1 },
          m: { via: 'command', local: await freePort(), to: 1 },
        },
      }),
    })
    const running = cli.start(['doctor', '--trust'])
    await eventually(() => stuck.open() === 2)
    running.signal('SIGINT')
    expect((await running.ended).code).toBe(130)
    await eventually(() => stuck.open() === 0)
    await eventually(
      () => !processesWith(`nc 127.0.0.1 ${stuck.port}`).some(({ command }) => command.startsWith('nc ')),
    )
  })
})

test('hosts that do not answer are waited for side by side, each as long as its connect_timeout', async () => {
  const stuck = await startServer((socket) => socket.resume().on('end', () => socket.end()))
  const hosts = Object.fromEntries(
    Array.from({ length: 10 }, (_, at) => [
      `h${at}`,
      { hostname: '127.0.0.1', port: stuck.port, ssh_config: false, connect_timeout: '2s' },
    ]),
  )
  const forwards = Object.fromEntries(
    Object.keys(hosts).map((via, at) => [
      `f${at}`,
      { via, local: `/tmp/tunnels-doctor-${process.pid}-${at}/s`, to: 1 },
    ]),
  )
  const cli = project({ 'tunnels.yaml': JSON.stringify({ hosts, forwards }) })
  const running = diagnosisOf(cli)
  await eventually(() => stuck.open() === 10)
  const { code, found } = await running
  expect(code).toBe(1)
  for (const { steps } of found.hosts)
    expect(steps.find(({ step }) => step === 'banner')?.problem?.code).toBe('HOST_TIMEOUT')
})

test('a server that plays tricks: what it says is shown, not obeyed', async () => {
  const server = await startHostileServer({
    banner: NASTY,
    onAuthentication: (attempt) => attempt.reject([NASTY] as never),
  })
  const acme = {
    hostname: '127.0.0.1',
    port: server.port,
    user: 'deploy',
    host_keys: [server.key.fingerprint],
    ssh_config: false,
  }
  const cli = project({
    'tunnels.yaml': JSON.stringify({
      hosts: { acme },
      forwards: { l: { via: 'acme', local: await freePort(), to: 1 } },
    }),
  })
  for (const args of [
    ['doctor', '--trust'],
    ['doctor', '--json', '--trust'],
  ]) {
    const { code, stdout, stderr } = await cli.run(args)
    expect(code).toBe(1)
    expect(stdout + stderr).not.toMatch(/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]/)
    expect(stdout).not.toMatch(/^forged: line/m)
  }
})

test('the forward that is open under the same name and listens elsewhere is no excuse', async () => {
  const [port, taken] = [await freePort(), await startEcho()]
  const cli = projectVia(sshd, { l: { local: port, to: `127.0.0.1:${echo.port}` } })
  await cli.up(['--no-watch'])
  expect((await forwardOf(cli, 'l')).state).toBe('open')
  cli.write('tunnels.yaml', fileWithPort(taken.port))
  const { code, found } = await diagnosisOf(cli)
  expect(code).toBe(1)
  expect(found.forwards[0]?.steps[0]).toMatchObject({
    step: 'listen',
    outcome: 'wrong',
    problem: { code: 'PORT_IN_USE' },
  })
})

function fileWithPort(port: number): string {
  return `{ "hosts": { "acme": ${hostYaml(sshd)} }, "forwards": { "l": { "via": "acme", "local": ${port}, "to": "127.0.0.1:${echo.port}" } } }`
}
