// The verbs against a running project: what they print, with which exit code, and what is left when it is over.

import { readdirSync, symlinkSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Event } from '../../src/control/protocol.ts'
import type { Status } from '../../src/model/status.ts'
import { type CliProject, type CliResult, hostYaml, project } from '../helpers/cli.ts'
import { exchange, failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePorts } from '../helpers/ports.ts'
import { isAlive, processesWith } from '../helpers/processes.ts'
import { startEcho, startSource, type TestServer } from '../helpers/servers.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { startBlackhole } from './dead-ends.ts'
import { holdStream } from './held-stream.ts'
import { expectSchema } from './json-schemas.ts'

let sshd: Sshd
let second: Sshd
let echo: TestServer
let greeter: TestServer
beforeAll(async () => {
  ;[sshd, second, echo, greeter] = await Promise.all([
    startSshd(),
    startSshd(),
    startEcho(),
    startSource('hello'),
  ])
})

interface Shop extends CliProject {
  ports: { web: number; db: number; dev: number }
  file(web?: number): string
}

/** Two hosts; `web` and `db` via one, `dev` via the other and in a profile. Not started. */
async function shop(more: Record<string, string> = {}): Promise<Shop> {
  const [web, db, dev] = (await freePorts(3)) as [number, number, number]
  const ports = { web, db, dev }
  const file = (at = web) => `hosts:
  acme: ${hostYaml(sshd)}
  spare: ${hostYaml(second)}
forwards:
  web: -L ${at}:127.0.0.1:${greeter.port} acme
  db: -L ${db}:127.0.0.1:${echo.port} acme
  dev: { via: spare, local: ${dev}, to: "127.0.0.1:${greeter.port}", profiles: [dev] }
`
  return { ...project({ 'tunnels.yaml': file(), ...more }), ports, file }
}

async function openForwards(cli: CliProject): Promise<string[]> {
  const { forwards } = await cli.status()
  return forwards.flatMap(({ name, state }) => (state === 'open' ? [name] : [])).sort()
}

function eventsOf(text: string): Event[] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Event)
}

describe('plan', () => {
  test('is empty right after `up`, in words, as JSON, and by its exit code', async () => {
    const cli = await shop()
    const before = await cli.run(['plan', '--detailed-exitcode'])
    expect(before.code).toBe(2)
    expect(before.stdout).toMatch(/^\+ host acme: .*\n\+ forward web: .*\n\+ forward db: /m)
    const dry = await cli.run(['up', '--dry-run', '--json'])
    expectSchema('plan', JSON.parse(dry.stdout))
    expect(JSON.parse(dry.stdout).summary).toEqual({ open: 3, update: 0, reopen: 0, close: 0 })
    expect((await cli.run(['status'])).code).toBe(3)

    await cli.up()
    expect(await cli.run(['plan'])).toEqual({ code: 0, stdout: 'Nothing to change\n', stderr: '' })
    expect((await cli.run(['plan', '--detailed-exitcode'])).code).toBe(0)
    const json = JSON.parse((await cli.run(['plan', '--json'])).stdout)
    expectSchema('plan', json)
    expect(json).toMatchObject({ changes: [], summary: { open: 0, update: 0, reopen: 0, close: 0 } })
  })

  test('says what an edit would do and interrupt before it is done, and is empty while things drain', async () => {
    const cli = await shop()
    await cli.up(['--no-watch'])
    const held = await holdStream(cli.ports.db)
    cli.write('tunnels.yaml', cli.file().replace(/^ {2}db: .*\n/m, ''))
    const plan = await cli.run(['plan', '--json', '--detailed-exitcode'])
    expect(plan.code).toBe(2)
    const json = JSON.parse(plan.stdout)
    expectSchema('plan', json)
    expect(json.changes).toEqual([
      { action: 'close', what: 'forward', name: 'db', cause: 'removed', fields: [], interrupts: 1 },
    ])
    await held.stillRuns()

    expect((await cli.run(['reload'])).code).toBe(0)
    const status = await cli.status()
    expectSchema('status', status)
    expect(status.forwards.find(({ name }) => name === 'db')).toMatchObject({
      state: 'draining',
      connections: { active: 0, draining: 1 },
    })
    expect((await cli.run(['plan', '--detailed-exitcode'])).code).toBe(0)
    expect(await failureOf(cli.ports.db)).toBe('ECONNREFUSED')
    expect(await held.finish()).toBeGreaterThan(0)
    await eventually(async () =>
      expect((await cli.status()).forwards.map(({ name }) => name)).toEqual(['web']),
    )
  })
})

test('a second `up` and `up -d` change nothing: no plan, no event, no login', async () => {
  const cli = await shop()
  const before = sshd.logins()
  await cli.up()
  const first = await cli.status()
  const held = await holdStream(cli.ports.db)
  const watching = cli.start(['up', '--json'])
  await eventually(() => watching.stdout().includes('"db"'))
  for (const args of [['up', '-d'], ['up', '-d', 'web'], ['up', '-d', 'acme'], ['reload']]) {
    expect((await cli.run(args)).code).toBe(0)
  }
  watching.signal('SIGINT')
  const events = eventsOf((await watching.ended).stdout)
  for (const event of events) expectSchema('events', event)
  expect(events.map(({ event }) => event)).toEqual(['state', 'state', 'state'])
  const now = await cli.status()
  expect(now.supervisor).toEqual(first.supervisor)
  expect(now.config.generation).toBe(1)
  expect(now.forwards.map(({ since }) => since)).toEqual(first.forwards.map(({ since }) => since))
  expect(sshd.logins()).toBe(before + 1)
  await held.finish()
})

describe('JSON is as its schemas and the documentation say', () => {
  test('status, with everything that it is documented to have', async () => {
    const cli = await shop()
    await cli.up()
    await exchange(cli.ports.db, 'count me')
    const status = await eventually(async () => {
      const now = await cli.status()
      return now.forwards.every(({ connections }) => connections.active === 0) && now
    })
    expectSchema('status', status)
    const keys = (value: object) => Object.keys(value).sort()
    expect(keys(status)).toEqual(['config', 'files', 'forwards', 'hosts', 'project', 'supervisor'])
    expect(status.files).toEqual([`${cli.folder}/tunnels.yaml`])
    expect(status.hosts[0]).toMatchObject({ endpoint: `${sshd.user}@127.0.0.1:${sshd.port}`, reconnects: 0 })
    const db = status.forwards.find(({ name }) => name === 'db')!
    expect(db).toMatchObject({
      kind: 'local',
      via: 'acme',
      to: `127.0.0.1:${echo.port}`,
      connections: { active: 0, draining: 0, total: 1, failed: 0, refused: 0 },
      bytes: { in: 8, out: 8 },
    })
    expect(db.listen).toContain(`127.0.0.1:${cli.ports.db}`)
  })

  test('events from the start to the end, with an edit, a broken one and trouble on the way', async () => {
    const cli = await shop()
    const up = cli.start(['up', '--json'])
    await eventually(async () => expect((await cli.run(['status', '--check'])).code).toBe(0))
    cli.write('tunnels.yaml', 'forwards: [\n')
    await eventually(async () => expect((await cli.status()).config.state).toBe('invalid'))
    const invalid = await cli.status()
    expectSchema('status', invalid)
    expect((await cli.run(['reload'])).code).toBe(2)
    cli.write(
      'tunnels.yaml',
      cli.file().replace('acme\n', 'acme # mended\n').replace(`:${echo.port}`, `:${greeter.port}`),
    )
    await eventually(async () => expect((await cli.status()).config.state).toBe('current'))
    await sshd.killSessions()
    const statesOfHost = () =>
      eventsOf(up.stdout()).flatMap((event) =>
        event.event === 'state' && event.what === 'host' ? [event.state] : [],
      )
    await eventually(() => statesOfHost().length === 4)
    expect((await cli.status()).hosts).toMatchObject([{ state: 'open', reconnects: 1 }])
    up.signal('SIGINT')
    const { code, stdout } = await up.ended
    expect(code).toBe(130)
    const events = eventsOf(stdout)
    for (const event of events) expectSchema('events', event)
    expect(events.at(-1)?.event).toBe('end')
    const told = events.flatMap((event) => (event.event === 'config' ? [event.state] : []))
    expect(told).toEqual(['current', 'invalid', 'current'])
    expect(statesOfHost()).toEqual(['opening', 'open', 'retrying', 'open', 'closed'])
    const times = events.map(({ time }) => time)
    expect(times).toEqual([...times].sort())
  })

  test('whoever fails says so as JSON on stdout, and nothing else there', async () => {
    const cli = await shop()
    for (const args of [
      ['status'],
      ['restart'],
      ['up', 'nobody'],
      ['status', '--nonsense'],
      ['-f', 'nowhere.yaml', 'plan'],
    ]) {
      const { code, stdout } = await cli.run([...args, '--json'])
      expect(code).toBeGreaterThan(0)
      const { problems } = JSON.parse(stdout)
      expect(problems[0]).toMatchObject({
        code: expect.stringMatching(/^[A-Z_]+$/),
        summary: expect.any(String),
      })
    }
  })
})

describe('what is selected', () => {
  test('profiles, host names and forward names, up and down', async () => {
    const cli = await shop()
    await cli.up()
    expect(await openForwards(cli)).toEqual(['db', 'web'])
    const asInTheFile = (await cli.status()).forwards.map(({ name }) => name)
    await cli.up(['--profile', 'dev'])
    expect(await openForwards(cli)).toEqual(['db', 'dev', 'web'])
    expect((await exchange(cli.ports.dev)).toString()).toBe('hello')
    expect((await cli.run(['plan', '--detailed-exitcode'])).code).toBe(0)
    const without = await cli.run(['up', '--dry-run', '--json', '--profile', 'none'])
    expect(JSON.parse(without.stdout).changes).toMatchObject([
      { action: 'close', what: 'forward', name: 'dev', cause: 'deselected' },
      { action: 'close', what: 'host', name: 'spare', cause: 'unused' },
    ])
    await cli.up()
    await eventually(async () => expect((await cli.status()).hosts.map(({ name }) => name)).toEqual(['acme']))
    expect(await canListen('127.0.0.1', cli.ports.dev)).toBe(true)

    await cli.down(['acme'])
    expect(await canListen('127.0.0.1', cli.ports.web)).toBe(true)
    expect(await canListen('127.0.0.1', cli.ports.db)).toBe(true)
    await cli.up(['db'])
    expect(await openForwards(cli)).toEqual(['db'])
    await cli.up(['acme'])
    expect(await openForwards(cli)).toEqual(['db', 'web'])
    expect((await cli.status()).forwards.map(({ name }) => name)).toEqual(asInTheFile)
  })

  test('only what is named comes up, and a named one needs no profile', async () => {
    const cli = await shop()
    await cli.up(['dev'])
    expect(await openForwards(cli)).toEqual(['dev'])
    expect((await cli.status()).hosts.map(({ name }) => name)).toEqual(['spare'])
    await cli.up(['acme'])
    expect(await openForwards(cli)).toEqual(['db', 'dev', 'web'])
    await cli.up(['--profile', '*'])
    expect(await openForwards(cli)).toEqual(['db', 'dev', 'web'])
  })

  test('the watcher and `reload` change none of it', async () => {
    const cli = await shop()
    await cli.up(['web'])
    const [at] = (await freePorts(1)) as [number]
    cli.write('tunnels.yaml', cli.file(at))
    await eventually(async () => expect((await exchange(at)).toString()).toBe('hello'))
    await cli.run(['reload'])
    expect(await openForwards(cli)).toEqual(['web'])
  })
})

describe('which files', () => {
  const WEB = (port: number) =>
    `forwards: { web: { via: acme, local: ${port}, to: "127.0.0.1:${greeter.port}" } }\n`

  test('-f twice, an override beside the file, .env and --env-file: the later wins', async () => {
    const [first, last, other] = (await freePorts(3)) as [number, number, number]
    const base = `hosts: { acme: ${hostYaml(sshd)} }\nforwards: { web: { via: acme, local: "\${PORT}", to: 1 } }\n`
    const cli = project({
      'tunnels.yaml': base,
      'tunnels.override.yaml': `forwards: { web: { to: "127.0.0.1:${greeter.port}" } }\n`,
      'other.yaml': WEB(other),
      '.env': `PORT=${first}\n`,
      'last.env': `PORT=${last}\n`,
    })
    await cli.up()
    expect((await exchange(first)).toString()).toBe('hello')
    await cli.up(['--env-file', 'last.env'])
    expect((await exchange(last)).toString()).toBe('hello')
    expect(await canListen('127.0.0.1', first)).toBe(true)
    await cli.up(['-f', 'tunnels.yaml', '-f', 'other.yaml'])
    expect((await exchange(other)).toString()).toBe('hello')
    expect((await cli.status()).files.map((file) => file.split('/').at(-1))).toEqual([
      'tunnels.yaml',
      'other.yaml',
    ])
    await cli.up([], { env: { PORT: String(first) } })
    expect((await exchange(first)).toString()).toBe('hello')
  })

  test('-p runs the same file a second time, beside the first', async () => {
    const [first, last] = (await freePorts(2)) as [number, number]
    const text = `hosts: { acme: ${hostYaml(sshd)} }\nforwards: { web: { via: acme, local: "\${PORT}", to: "127.0.0.1:${greeter.port}" } }\n`
    const cli = project({ 'tunnels.yaml': text })
    await cli.up([], { env: { PORT: String(first) } })
    await cli.up(['-p', 'copy'], { env: { PORT: String(last) } })
    for (const port of [first, last]) expect((await exchange(port)).toString()).toBe('hello')
    const { stdout } = await cli.run(['--project-name', 'copy', 'status', '--json'], { cwd: '/' })
    expect((JSON.parse(stdout) as Status).project).toBe('copy')
    await cli.down()
    expect((await exchange(last)).toString()).toBe('hello')
    expect((await cli.run(['status'])).code).toBe(3)
    await cli.down(['-p', 'copy'])
    expect(await canListen('127.0.0.1', last)).toBe(true)
  })

  test('from a folder beneath, and through a link to the folder, it is the same project', async () => {
    const cli = await shop({ 'src/deep/file': '' })
    await cli.up([], { cwd: `${cli.folder}/src/deep` })
    expect((await cli.status()).files).toEqual([`${cli.folder}/tunnels.yaml`])
    const beneath = await cli.run(['plan', '--detailed-exitcode'], { cwd: `${cli.folder}/src` })
    expect(beneath.code).toBe(0)
    symlinkSync(cli.folder, `${cli.folder}/src/link`)
    const linked = await cli.run(['-f', 'src/link/tunnels.yaml', 'status', '--json'])
    expect(JSON.parse(linked.stdout).supervisor).toEqual((await cli.status()).supervisor)
  })
})

describe('what is left', () => {
  const leftIn = (cli: CliProject) => readdirSync(cli.env.TUNNELS_RUNTIME_DIR!)
  const running = (cli: CliProject) => processesWith(cli.folder)

  test('nothing after `down`: no socket, no lock, no process, no port', async () => {
    const cli = await shop()
    await cli.up()
    expect(leftIn(cli)).not.toEqual([])
    await cli.down()
    expect(leftIn(cli)).toEqual([])
    await eventually(() => running(cli).length === 0)
    for (const port of Object.values(cli.ports)) expect(await canListen('127.0.0.1', port)).toBe(true)
  })

  test.each(['in the background', 'in the foreground'])(
    'kill -9 %s: no child, and the next `up -d` works',
    async (how) => {
      const cli = await shop()
      if (how === 'in the background') await cli.up()
      else {
        cli.start(['up'])
        await eventually(async () => expect((await cli.run(['status', '--check'])).code).toBe(0))
      }
      const { pid } = (await cli.status()).supervisor
      process.kill(pid, 'SIGKILL')
      await eventually(() => !isAlive(pid))
      await eventually(() => expect(running(cli)).toEqual([]))
      expect((await cli.run(['status'])).code).toBe(3)
      expect((await cli.run(['down'])).code).toBe(0)
      await cli.up()
      expect((await exchange(cli.ports.web)).toString()).toBe('hello')
      await cli.down()
      expect(leftIn(cli)).toEqual([])
    },
  )

  test('Ctrl-C cuts open connections, also while a host does not answer, and exits with 130', async () => {
    const cli = await shop()
    cli.write(
      'tunnels.yaml',
      cli
        .file()
        .replace('dev: { via: spare', 'dev: { via: gone')
        .replace('forwards:', `  gone: ${gone(await startBlackhole())}\nforwards:`),
    )
    const up = cli.start(['up', '--profile', 'dev'])
    await eventually(async () => expect((await cli.run(['status', 'acme', '--check'])).code).toBe(0))
    const held = hold(cli.ports.db)
    await eventually(async () => {
      expect((await cli.status()).forwards.find(({ name }) => name === 'db')?.connections.active).toBe(1)
    })
    up.signal('SIGINT')
    expect(await up.ended).toMatchObject({ code: 130, stdout: '' })
    await eventually(() => held.closed)
    expect(leftIn(cli)).toEqual([])
  })

  const gone = (port: number) => hostYaml(sshd, { port, connect_timeout: '30s' })
})

function hold(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write('held')
  return socket
}

test('each exit code is what the documentation says', async () => {
  const cli = await shop()
  const codeOf = async (...args: string[]) => (await cli.run(args)).code
  expect(await codeOf('validate')).toBe(0)
  expect(await codeOf('status')).toBe(3)
  expect(await codeOf('restart', 'web')).toBe(3)
  expect(await codeOf('reload')).toBe(3)
  expect(await codeOf('down')).toBe(0)
  expect(await codeOf('up', '-d', 'nobody')).toBe(2)
  expect(await codeOf('-f', 'nowhere.yaml', 'up', '-d')).toBe(2)
  expect(await codeOf('plan', '--detailed-exitcode')).toBe(2)
  expect(await codeOf('-f', 'nowhere.yaml', 'plan', '--detailed-exitcode')).toBe(1)

  // 4 goes before 1: a host key that nobody knows, beside a key that is refused.
  await makeKey(`${cli.folder}/stranger`, 'ed25519')
  const unknown = { host_keys: undefined, user_known_hosts_file: './nothing' }
  const spoilt = (acme: Record<string, unknown>, spare: Record<string, unknown>) =>
    cli
      .file()
      .replace(hostYaml(sshd), hostYaml(sshd, acme))
      .replace(hostYaml(second), hostYaml(second, spare))
  cli.write('tunnels.yaml', spoilt({ identity_file: './stranger' }, unknown))
  expect(await codeOf('up', '-d')).toBe(1)
  expect(await codeOf('up', '-d', '--profile', 'dev')).toBe(4)
  expect(await codeOf('status')).toBe(0)
  expect(await codeOf('status', '--check')).toBe(1)
  expect(await codeOf('status', 'nobody')).toBe(2)
  expect(await codeOf('down')).toBe(0)
  // In the foreground it ends by itself, because nothing is left to hope for.
  expect(await codeOf('up')).toBe(1)
  expect(await codeOf('up', '--profile', 'dev')).toBe(4)
})

test('a pipe never sees colours or cursor codes, whatever happens', async () => {
  const cli = await shop()
  const results: CliResult[] = []
  const run = async (...args: string[]) =>
    void results.push(await cli.run(args, { env: { TERM: 'xterm-256color' } }))
  const up = cli.start(['up'], { env: { TERM: 'xterm-256color' } })
  await eventually(async () => expect((await cli.run(['status', '--check'])).code).toBe(0))
  cli.write('tunnels.yaml', 'forwards: [\n')
  await eventually(async () => expect((await cli.status()).config.state).toBe('invalid'))
  for (const args of [['status'], ['plan'], ['validate'], ['up', '-d'], ['--help'], ['sttaus']])
    await run(...args)
  up.signal('SIGINT')
  results.push(await up.ended)
  cli.write('tunnels.yaml', cli.file())
  for (const args of [['plan'], ['up', '-d'], ['status'], ['config'], ['restart'], ['down'], ['schema']])
    await run(...args)
  for (const { stdout, stderr } of results) expect(stdout + stderr).not.toMatch(/[\x1b\r\x07\x9b]/)
  expect(results.map(({ stdout, stderr }) => stdout + stderr)).not.toContain('')
})

test('a connection that failed is no reason for the next `up -d` to fail', async () => {
  const cli = await shop()
  await cli.up()
  await greeter.stop()
  expect(await failureOf(cli.ports.web)).toBe('ECONNRESET')
  await eventually(async () => {
    const web = (await cli.status()).forwards.find(({ name }) => name === 'web')!
    expect(web).toMatchObject({
      state: 'open',
      connections: { failed: 1 },
      problem: { code: 'TARGET_REFUSED' },
    })
  })
  expect((await cli.run(['status', '--check'])).code).toBe(0)
  expect(await cli.run(['up', '-d'])).toMatchObject({ code: 0, stdout: '' })
})
