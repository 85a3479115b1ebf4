// Life with the binary: up, a second up, edits, down, signals, two terminals, and what does not come up.

import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, onTestFinished, test } from 'vitest'
import type { Event } from '../../src/control/protocol.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { actUntil, eventually } from '../helpers/eventually.ts'
import { canListen, freePort, freePorts } from '../helpers/ports.ts'
import { isAlive, processesWith } from '../helpers/processes.ts'
import { hasTerminals, onTerminal } from '../helpers/pty.ts'
import { startEcho, startServer, startSource } from '../helpers/servers.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

/** One local forward on its own port to a server that greets. */
async function greetingProject(
  more = '',
): Promise<CliProject & { port: number; file: (port: number) => string }> {
  const greeter = await startSource('hello from the far side')
  const port = await freePort()
  const file = (local: number) =>
    `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  web: -L ${local}:127.0.0.1:${greeter.port} acme\n${more}`
  return { ...project({ 'tunnels.yaml': file(port) }), port, file }
}

function open(port: number): Socket {
  const socket = connect(port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return socket
}

function supervisorsOf(cli: CliProject) {
  return processesWith(cli.folder).filter(({ command }) => command.includes('__supervise'))
}

function eventsIn(stdout: string): Event[] {
  const lines = stdout.split('\n').filter((line) => line !== '')
  return lines.map((line) => JSON.parse(line) as Event)
}

describe('in the background', () => {
  test('up -d returns when it carries, a second one changes nothing, down frees everything', async () => {
    const cli = await greetingProject()
    await cli.up()
    expect(await text(open(cli.port))).toBe('hello from the far side')
    const first = await cli.status()
    expect(first.forwards).toMatchObject([{ name: 'web', state: 'open', problem: null }])

    const plan = await cli.run(['plan', '--json', '--detailed-exitcode'])
    expect(plan).toMatchObject({ code: 0 })
    expect(JSON.parse(plan.stdout).changes).toEqual([])
    const again = await cli.up()
    expect(again.stderr).toContain(`Nothing to change: it runs already (process ${first.supervisor.pid})`)
    expect((await cli.status()).supervisor).toEqual(first.supervisor)
    expect(supervisorsOf(cli)).toHaveLength(1)

    await cli.down()
    expect(await canListen('127.0.0.1', cli.port)).toBe(true)
    expect(readdirSync(cli.env.TUNNELS_RUNTIME_DIR!)).toEqual([])
    expect((await cli.run(['status'])).code).toBe(3)
    expect((await cli.run(['down'])).code).toBe(0)
  })

  test('of five that start at once one supervises, and all five say that it is up', async () => {
    const cli = await greetingProject()
    const results = await Promise.all(Array.from({ length: 5 }, () => cli.run(['up', '-d'])))
    expect(results.map(({ code, stderr }) => (code === 0 ? '' : stderr))).toEqual(['', '', '', '', ''])
    expect(supervisorsOf(cli)).toHaveLength(1)
  })

  test('a killed supervisor is replaced', async () => {
    const cli = await greetingProject()
    await cli.up()
    const { pid } = (await cli.status()).supervisor
    process.kill(pid, 'SIGKILL')
    await eventually(() => !isAlive(pid))
    expect((await cli.run(['status'])).code).toBe(3)
    await cli.up()
    expect((await cli.status()).supervisor.pid).not.toBe(pid)
  })

  test('one that hangs is said to hang, within a bound', async () => {
    const cli = await greetingProject()
    await cli.up()
    const { pid } = (await cli.status()).supervisor
    process.kill(pid, 'SIGSTOP')
    onTestFinished(() => void process.kill(pid, 'SIGCONT'))
    const status = await cli.run(['status', '--json'], { timeoutMs: 20_000 })
    expect(status.code).toBe(1)
    expect(JSON.parse(status.stdout).problems).toMatchObject([{ code: 'SUPERVISOR_UNREACHABLE' }])
    const down = await cli.run(['down'], { timeoutMs: 20_000 })
    expect(down.code).toBe(1)
    expect(down.stderr).toContain('SUPERVISOR_UNREACHABLE')
    expect(down.stderr).toContain(`kill -9 ${pid}`)
  })

  test('started with and without --no-watch: the second `up` says that it stays as it is', async () => {
    const cli = await greetingProject()
    await cli.up()
    expect((await cli.up()).stderr).not.toContain('--no-watch')
    expect((await cli.up(['--no-watch'])).stderr).toContain('follows the file: --no-watch changes nothing')
    expect((await cli.status()).supervisor.watching).toBe(true)
    await cli.down()
    await cli.up(['--no-watch'])
    expect((await cli.up()).stderr).toContain('was started with --no-watch and does not follow the file')
  })

  test('nothing of this environment reaches it but what it needs, and nothing secret its arguments', async () => {
    const cli = await greetingProject()
    await cli.up([], { env: { SECRET_TOKEN: 'hunter2', LC_TIME: 'C' } })
    const { pid } = (await cli.status()).supervisor
    const environ = execFileSync('ps', ['eww', '-o', 'command=', '-p', String(pid)]).toString()
    expect(environ).not.toContain('hunter2')
    expect(environ).toContain('LC_TIME=C')
  })

  test('a variable of this environment reaches the file through it', async () => {
    const cli = await greetingProject()
    cli.write('tunnels.yaml', cli.file(cli.port).replace(String(cli.port), '${WEB_PORT}'))
    expect((await cli.run(['up', '-d'])).code).toBe(2)
    await cli.up([], { env: { WEB_PORT: String(cli.port) } })
    expect(await text(open(cli.port))).toBe('hello from the far side')
  })

  test('a running project is reached by its name from anywhere, and without its file', async () => {
    const cli = await greetingProject()
    await cli.up()
    const { project: name } = await cli.status()
    const elsewhere = { cwd: '/' }
    expect((await cli.run(['status'], elsewhere)).code).toBe(3)
    const found = await cli.run(['-p', name, 'status', '--json'], elsewhere)
    expect(JSON.parse(found.stdout).forwards).toMatchObject([{ name: 'web', state: 'open' }])
    execFileSync('rm', [join(cli.folder, 'tunnels.yaml')])
    expect((await cli.run(['ps'])).code).toBe(0)
    expect((await cli.run(['-p', name, 'down'], elsewhere)).code).toBe(0)
    expect(await canListen('127.0.0.1', cli.port)).toBe(true)
  })

  test('a file on standard input runs, and is the same project the next time', async () => {
    const cli = await greetingProject()
    const input = cli.file(cli.port)
    execFileSync('rm', [join(cli.folder, 'tunnels.yaml')])
    const first = await cli.run(['-f', '-', 'up', '-d'], { input })
    expect(first).toMatchObject({ code: 0 })
    expect(await text(open(cli.port))).toBe('hello from the far side')
    const plan = await cli.run(['-f', '-', 'plan', 'web', '--detailed-exitcode'], { input })
    expect(plan).toMatchObject({ code: 0, stdout: 'Nothing to change\n' })
    expect((await cli.run(['-f', '-', 'down'])).code).toBe(0)
  })
})

describe('a part of the file', () => {
  test('down NAME closes one until up NAME opens it again; the other never notices', async () => {
    const echo = await startEcho()
    const port = await freePort()
    const cli = await greetingProject(`  echo: -L ${port}:127.0.0.1:${echo.port} acme\n`)
    await cli.up()
    const held = open(port)
    held.write('a')
    expect(await new Promise((resolve) => held.once('data', (data) => resolve(String(data))))).toBe('a')

    await cli.down(['web'])
    expect(await canListen('127.0.0.1', cli.port)).toBe(true)
    await cli.up(['web'])
    expect(await text(open(cli.port))).toBe('hello from the far side')
    held.write('b')
    expect(await new Promise((resolve) => held.once('data', (data) => resolve(String(data))))).toBe('b')
    expect(sshd.connections()).toBeGreaterThan(0)
    const status = await cli.run(['status', 'echo', '--json'])
    expect(JSON.parse(status.stdout).forwards).toMatchObject([{ name: 'echo', connections: { active: 1 } }])
  })

  test('an unknown name is refused with the one that was meant', async () => {
    const cli = await greetingProject()
    const up = await cli.run(['up', '-d', 'wbe'])
    expect(up.code).toBe(2)
    expect(up.stderr).toMatch(/no forward or host named wbe[\s\S]*Did you mean web/)
    await cli.up()
    expect((await cli.run(['status', 'wbe'])).code).toBe(2)
    expect((await cli.run(['down', 'wbe'])).code).toBe(2)
    expect((await cli.status()).forwards).toHaveLength(1)
  })
})

describe('an edit', () => {
  test('is applied when it is saved; a broken one changes nothing and is in status', async () => {
    const cli = await greetingProject()
    await cli.up()
    const next = await freePort()
    cli.write('tunnels.yaml', cli.file(next))
    await eventually(async () => (await cli.status()).forwards[0]?.listen.includes(`127.0.0.1:${next}`))
    expect(await text(open(next))).toBe('hello from the far side')

    cli.write('tunnels.yaml', `${cli.file(next)}  broken: -L nonsense acme\n`)
    const broken = await eventually(async () => {
      const status = await cli.status()
      return status.config.state === 'invalid' ? status : null
    })
    expect(broken.config.problems[0]?.at).toMatchObject({ line: 5 })
    expect(await text(open(next))).toBe('hello from the far side')
    expect((await cli.run(['plan'])).code).toBe(2)
    expect((await cli.run(['reload'])).code).toBe(2)
    cli.write('tunnels.yaml', cli.file(next))
    await eventually(async () => (await cli.status()).config.state === 'current')
  })

  test('waits for `reload` with --no-watch', async () => {
    const cli = await greetingProject()
    await cli.up(['--no-watch'])
    const next = await freePort()
    cli.write('tunnels.yaml', cli.file(next))
    const plan = await cli.run(['plan', '--detailed-exitcode'])
    expect(plan).toMatchObject({ code: 2 })
    expect(plan.stdout).toContain('~ forward web: local changed')
    expect((await cli.status()).forwards[0]?.listen).toContain(`127.0.0.1:${cli.port}`)
    expect((await cli.run(['reload'])).code).toBe(0)
    expect(await text(open(next))).toBe('hello from the far side')
  })
})

describe('what does not come up', () => {
  test('a taken port: the other comes up, exit 1 and a name; it heals when the port is free', async () => {
    const [mine, taken] = (await freePorts(2)) as [number, number]
    const squatter = await startServer((socket) => socket.destroy(), { port: taken })
    const cli = await greetingProject(
      `  other: -L 127.0.0.1:${taken}:127.0.0.1:1 acme\n  third: -D ${mine} acme\n`,
    )
    const up = await cli.run(['up', '-d'])
    expect(up.code).toBe(1)
    expect(up.stderr).toMatch(/other is retrying/)
    expect(up.stderr).toContain(`127.0.0.1:${taken}`)
    expect(up.stderr).toContain('PORT_IN_USE')
    expect(up.stderr).toMatch(/tried again in the background, until `tunnels down`\n$/)
    const states = Object.fromEntries((await cli.status()).forwards.map(({ name, state }) => [name, state]))
    expect(states).toEqual({ web: 'open', other: 'retrying', third: 'open' })
    expect((await cli.run(['status', '--check'])).code).toBe(1)
    expect((await cli.run(['status', '--check', 'web'])).code).toBe(0)
    await squatter.stop()
    await eventually(async () => (await cli.run(['status', '--check'])).code === 0)
  })

  test('a refused key is 1, an unknown host key is 4 without a terminal, each with its own words', async () => {
    const port = await freePort()
    const file = (host: string) => `hosts:\n  acme: ${host}\nforwards:\n  web: -L ${port}:localhost:1 acme\n`
    const cli = project({})
    await makeKey(join(cli.folder, 'stranger'), 'ed25519')
    cli.write('tunnels.yaml', file(hostYaml(sshd, { identity_file: './stranger' })))
    const refused = await cli.run(['up', '-d'])
    expect(refused).toMatchObject({ code: 1 })
    expect(refused.stderr).toMatch(/AUTH_FAILED[\s\S]*stays up in the background, until `tunnels down`\n$/)
    await cli.down()

    const unknown = { host_keys: undefined, user_known_hosts_file: './known_hosts' }
    cli.write('tunnels.yaml', file(hostYaml(sshd, unknown)))
    const stranger = await cli.run(['up', '-d', '--trust'])
    expect(stranger).toMatchObject({ code: 4 })
    expect(stranger.stderr).toContain(sshd.hostKeyFingerprint)
    expect(existsSync(join(cli.folder, 'known_hosts'))).toBe(false)
  })

  test('in the foreground, too; it ends when nothing is left to hope for', async () => {
    const port = await freePort()
    const cli = project({})
    await makeKey(join(cli.folder, 'stranger'), 'ed25519')
    const host = hostYaml(sshd, { identity_file: './stranger' })
    cli.write('tunnels.yaml', `hosts:\n  acme: ${host}\nforwards:\n  web: -L ${port}:localhost:1 acme\n`)
    const up = await cli.run(['up'])
    expect(up).toMatchObject({ code: 1, stdout: '' })
    expect(up.stderr).toContain('AUTH_FAILED')
    expect(await canListen('127.0.0.1', port)).toBe(true)

    // One that stays behind is not ended, but neither is it looked at for ever.
    expect((await cli.run(['up', '-d'])).code).toBe(1)
    const beside = await cli.run(['up'])
    expect(beside).toMatchObject({ code: 1, stdout: '' })
    expect(beside.stderr).toContain('AUTH_FAILED')
    expect((await cli.status()).forwards[0]?.state).toBe('failed')
  })

  test.skipIf(!hasTerminals)(
    'on a terminal it ends with all that is known, and nothing behind it',
    async () => {
      const cli = project({})
      await makeKey(join(cli.folder, 'stranger'), 'ed25519')
      const host = hostYaml(sshd, { identity_file: './stranger' })
      const forward = `-L ${await freePort()}:localhost:1 acme`
      cli.write('tunnels.yaml', `hosts:\n  acme: ${host}\nforwards:\n  web: ${forward}\n`)
      const up = await onTerminal(cli, ['up'])
      expect(await up.ended).toBe(1)
      const lines = stripVTControlCharacters(up.output()).trim().split(/\r?\n/)
      expect(lines.join(' ')).toMatch(/AUTH_FAILED.*stranger.*authorized_keys/)
      expect(lines.at(-1)).toBe('No forward is left that could come up without a change')

      await cli.run(['up', '-d'])
      const beside = await onTerminal(cli, ['up'])
      expect(await beside.ended).toBe(1)
      expect(beside.output()).toContain('AUTH_FAILED')
      expect(beside.output()).toContain('`tunnels down` ends it')
    },
  )

  test('a broken file is 2, nothing is opened, and JSON is JSON', async () => {
    const cli = project({ 'tunnels.yaml': 'forwards:\n  web: -L nonsense acme\n' })
    const up = await cli.run(['up', '-d'])
    expect(up.code).toBe(2)
    expect(up.stderr).toMatch(/tunnels\.yaml:2:/)
    const json = await cli.run(['up', '-d', '--json'])
    expect(JSON.parse(json.stdout).problems[0]).toMatchObject({ at: { line: 2 } })
    expect((await cli.run(['plan', '--detailed-exitcode'])).code).toBe(1)
    expect(supervisorsOf(cli)).toEqual([])
  })
})

describe('in the foreground', () => {
  async function runningUp(cli: CliProject & { port: number }, args: string[] = []) {
    const up = cli.start(['up', ...args])
    await eventually(async () => (await cli.run(['status', '--check'])).code === 0)
    return up
  }

  test('Ctrl-C closes everything', async () => {
    const cli = await greetingProject()
    const up = await runningUp(cli)
    expect(await text(open(cli.port))).toBe('hello from the far side')
    up.signal('SIGINT')
    expect(await up.ended).toMatchObject({ code: 130, stdout: '' })
    expect(await canListen('127.0.0.1', cli.port)).toBe(true)
    expect(readdirSync(cli.env.TUNNELS_RUNTIME_DIR!)).toEqual([])
  })

  test('SIGTERM lets an open connection finish, and a second signal does not', async () => {
    const echo = await startEcho()
    const port = await freePort()
    const more = `  echo: -L ${port}:127.0.0.1:${echo.port} acme\n`
    for (const isPatient of [true, false]) {
      const cli = await greetingProject(more)
      const up = await runningUp(cli)
      const held = open(port)
      held.write('a')
      await new Promise((resolve) => held.once('data', resolve))
      up.signal('SIGTERM')
      await eventually(() => canListen('127.0.0.1', port))
      if (isPatient) {
        held.end('last words')
        expect(await text(held)).toBe('last words')
      } else up.signal('SIGINT')
      expect((await up.ended).code).toBe(143)
    }
  })

  test('an up beside one that still drains waits for it, and then takes over', async () => {
    const echo = await startEcho()
    const port = await freePort()
    const cli = await greetingProject(`  echo: -L ${port}:127.0.0.1:${echo.port} acme\n`)
    const first = await runningUp(cli)
    const held = open(port)
    held.write('a')
    await new Promise((resolve) => held.once('data', resolve))
    first.signal('SIGTERM')
    await eventually(() => canListen('127.0.0.1', port))
    const second = cli.start(['up', '-d'])
    await eventually(() => second.stderr().includes('Waiting for the supervisor that is ending'))
    held.end()
    expect((await first.ended).code).toBe(143)
    expect((await second.ended).code).toBe(0)
    expect(await text(open(cli.port))).toBe('hello from the far side')
  })

  test('--json tells every event, the plan first, one a line', async () => {
    const cli = await greetingProject()
    const up = cli.start(['up', '--json'])
    await eventually(() => up.stdout().includes('"what":"forward","name":"web","state":"open"'))
    up.signal('SIGINT')
    const events = eventsIn((await up.ended).stdout)
    expect(events.find(({ event }) => event === 'plan')).toMatchObject({ plan: { summary: { open: 2 } } })
    const states = events.flatMap((event) =>
      event.event === 'state' && event.what === 'forward' ? [event.state] : [],
    )
    expect(states).toEqual(['opening', 'open', 'closed'])
    expect(events.at(-1)?.event).toBe('end')
  })

  test('beside a running supervisor it attaches, and its Ctrl-C only detaches', async () => {
    const cli = await greetingProject()
    await cli.up()
    const up = cli.start(['up'])
    await eventually(() => up.stderr().includes('forward web'))
    up.signal('SIGINT')
    const ended = await up.ended
    expect(ended.code, ended.stderr).toBe(130)
    expect(ended.stderr).toContain('Detached')
    expect(await text(open(cli.port))).toBe('hello from the far side')

    const other = cli.start(['up'])
    await eventually(() => other.stderr().includes('forward web'))
    await cli.down()
    expect((await other.ended).code).toBe(0)
  })

  test('beside a supervisor that is killed it says so, and exits with 1', async () => {
    const cli = await greetingProject()
    await cli.up()
    const { pid } = (await cli.status()).supervisor
    const up = cli.start(['up'])
    await eventually(() => up.stderr().includes('forward web'))
    process.kill(pid, 'SIGKILL')
    const ended = await up.ended
    expect(ended.code).toBe(1)
    expect(ended.stderr).toContain(`(process ${pid}) has gone without a word`)
  })

  test('`down` in a second terminal ends it, with 0', async () => {
    const cli = await greetingProject()
    const up = await runningUp(cli)
    await cli.down()
    expect(await up.ended).toMatchObject({ code: 0 })
  })

  test('who reads its events may leave: it ends, and says nothing of pipes', async () => {
    const cli = await greetingProject()
    const reading = cli.run(['up', '--json'], { prefix: ['/bin/sh', '-c', '"$0" "$@" | head -n 1'] })
    const up = await actUntil(reading, () => cli.run(['restart']))
    expect(eventsIn(up.stdout)).toHaveLength(1)
    expect(up.stderr).not.toMatch(/EPIPE|at .*\.js/)
    await eventually(() => canListen('127.0.0.1', cli.port))
  })

  test('SIGHUP looks at the file again', async () => {
    const cli = await greetingProject()
    const up = await runningUp(cli, ['--no-watch'])
    const next = await freePort()
    cli.write('tunnels.yaml', cli.file(next))
    up.signal('SIGHUP')
    await eventually(async () => (await cli.status()).forwards[0]?.listen.includes(`127.0.0.1:${next}`))
    up.signal('SIGINT')
    expect((await up.ended).code).toBe(130)
  })
})
