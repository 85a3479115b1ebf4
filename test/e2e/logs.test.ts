// The log: what `tunnels logs` shows of it, from anywhere, while it goes on and turns over; what is in the file
// when a supervisor has crashed, and what never is.

import { appendFileSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { beforeAll, describe, expect, test } from 'vitest'
import type { LogLine } from '../../src/control/protocol.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { actUntil, eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { isAlive } from '../helpers/processes.ts'
import { startSource } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

interface Logged extends CliProject {
  /** Carries to a server that greets. */
  web: number
  /** Carries to nobody. */
  dead: number
  yaml(more?: string): string
}

async function logged(env: Record<string, string> = {}): Promise<Logged> {
  const greeter = await startSource('hello')
  const [web, dead, nobody] = [await freePort(), await freePort(), await freePort()]
  const forwards = `  web: -L ${web}:127.0.0.1:${greeter.port} acme\n  dead: -L ${dead}:127.0.0.1:${nobody} acme\n`
  const yaml = (more = '') => `name: shop\nhosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n${forwards}${more}`
  return { ...project({ 'tunnels.yaml': yaml() }, env), web, dead, yaml }
}

/** What whoever connects gets, until the end or a reset. */
async function fetch(port: number): Promise<string> {
  return text(connect(port, '127.0.0.1')).catch((error: NodeJS.ErrnoException) => error.code ?? '')
}

async function read(cli: CliProject, ...args: string[]): Promise<LogLine[]> {
  const { code, stdout, stderr } = await cli.run(['logs', '--json', ...args])
  expect(code, stderr).toBe(0)
  return linesIn(stdout)
}

function linesIn(stdout: string): LogLine[] {
  const complete = stdout.slice(0, stdout.lastIndexOf('\n') + 1)
  return complete.split('\n').flatMap((line) => (line === '' ? [] : [JSON.parse(line) as LogLine]))
}

function logFile(cli: CliProject): string {
  const home = cli.env.TUNNELS_STATE_DIR!
  return join(home, readdirSync(home)[0]!, 'supervisor.log')
}

/** Ten at a time. */
async function fetchAll(port: number, count: number): Promise<void> {
  const tenth = async () => {
    for (let done = 0; done < count / 10; done++) expect(await fetch(port)).toBe('hello')
  }
  await Promise.all(Array.from({ length: 10 }, tenth))
}

function outcomes(lines: LogLine[]): { from: string; outcome: string }[] {
  return lines.flatMap((line) =>
    line.event === 'connection' ? [{ from: String(line.from), outcome: line.outcome }] : [],
  )
}

const nameOf = (line: LogLine) => ('name' in line ? line.name : line.event)

describe('logs', () => {
  test('has what happened, each line of a forward with its name, and what failed with the reason', async () => {
    const cli = await logged()
    await cli.up()
    expect(await fetch(cli.web)).toBe('hello')
    expect(await fetch(cli.dead)).toBe('ECONNRESET')
    await eventually(async () => (await read(cli)).some(({ event }) => event === 'connection'))
    const lines = await read(cli)
    expect(lines[0]).toMatchObject({ level: 'info', event: 'start' })
    expect(lines).toContainEqual(expect.objectContaining({ event: 'state', name: 'web', state: 'open' }))
    const connections = lines.filter((line) => line.event === 'connection')
    expect(connections).toMatchObject([
      { level: 'info', name: 'dead', outcome: 'failed', problem: { code: 'TARGET_REFUSED' } },
    ])

    expect(new Set((await read(cli, 'web')).map(nameOf))).toEqual(new Set(['web', 'plan']))
    const viaHost = (await read(cli, 'acme')).map(nameOf)
    expect(viaHost).toEqual(expect.arrayContaining(['acme', 'web', 'dead']))
    expect(await read(cli, '--lines', '2')).toEqual((await read(cli)).slice(-2))
    expect(await read(cli, '--since', '1h')).toEqual(await read(cli, '-n', 'all'))
    expect(await read(cli, '--since', '2126-01-01')).toEqual([])

    const plain = await cli.run(['logs', '-n', '1', 'dead'])
    expect(plain.stdout).toMatch(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d forward dead: .*Nobody answers on/)
    expect(plain.stdout).not.toContain('\x1b')
  })

  test('is for a running project, from anywhere by its name; else 3 and where the last log is', async () => {
    const cli = await logged()
    const never = await cli.run(['logs'])
    expect(never.code).toBe(3)
    expect(never.stderr).not.toContain('supervisor.log')
    await cli.up()
    const found = await cli.run(['-p', 'shop', 'logs', '--json'], { cwd: '/' })
    expect(linesIn(found.stdout).map(({ event }) => event)).toContain('start')
    const unknown = await cli.run(['logs', 'wbe'])
    expect(unknown.code).toBe(2)
    expect(unknown.stderr).toContain('Did you mean web?')
    for (const wrong of [
      ['-n', 'some'],
      ['--since', 'when?'],
    ])
      expect((await cli.run(['logs', ...wrong])).code).toBe(2)
    await cli.down()
    const gone = await cli.run(['logs'])
    expect(gone.code).toBe(3)
    expect(gone.stderr).toContain(logFile(cli))
  })

  test('shows a forward that is gone, for as long as the log has it', async () => {
    const cli = await logged()
    cli.write('tunnels.yaml', cli.yaml(`  old: -D ${await freePort()} acme\n`))
    await cli.up()
    cli.write('tunnels.yaml', cli.yaml())
    await cli.run(['reload'])
    await eventually(async () => (await cli.status()).forwards.length === 2)
    const states = (await read(cli, 'old')).flatMap((line) => (line.event === 'state' ? [line.state] : []))
    expect(states).toEqual(expect.arrayContaining(['open', 'closed']))
  })

  test('-f goes on, over the turn of the file, until Ctrl-C or the end of the supervisor', async () => {
    const cli = await logged()
    await cli.up()
    await cli.down()
    const line = `${JSON.stringify({ level: 'info', time: '2026-01-01T00:00:00.000Z', event: 'start', pid: 1, version: 'x'.repeat(1_000) })}\n`
    appendFileSync(
      logFile(cli),
      line.repeat(Math.floor((4 * 1024 * 1024 - statSync(logFile(cli)).size) / line.length)),
    )
    await cli.up()
    const [following, interrupted] = [
      cli.start(['logs', '-f', '--json', '-n', '1']),
      cli.start(['logs', '--follow']),
    ]
    await eventually(() => following.stdout() !== '' && interrupted.stdout() !== '')
    const ports: number[] = []
    for (let edit = 0; edit < 6; edit++) {
      ports.push(await freePort())
      cli.write('tunnels.yaml', cli.yaml(`  e${edit}: -D ${ports.at(-1)} acme\n`))
      expect((await cli.run(['reload'])).code).toBe(0)
      await eventually(() =>
        linesIn(following.stdout()).some((each) => 'name' in each && each.name === `e${edit}`),
      )
    }
    expect(readdirSync(join(logFile(cli), '..'))).toContain('supervisor.log.1')
    expect(statSync(logFile(cli)).size).toBeLessThan(1024 * 1024)
    const told = linesIn(following.stdout()).filter((each) => each.event === 'plan')
    expect(told).toHaveLength(6)
    expect((await read(cli, '-n', 'all')).length).toBeGreaterThan(3_000)

    interrupted.signal('SIGINT')
    expect((await interrupted.ended).code).toBe(130)
    expect(interrupted.stdout()).toMatch(/\+ forward e5/)
    await cli.down()
    const ended = await following.ended
    expect(ended).toMatchObject({ code: 0, stderr: expect.stringContaining('The supervisor has ended') })
    expect(linesIn(ended.stdout).at(-1)).toMatchObject({ event: 'end' })
  })

  test('of connections without end, none is lost or told twice when the file turns over', async () => {
    const cli = await logged()
    await cli.up()
    await cli.down()
    const padding = `${JSON.stringify({ level: 'info', time: '2026-01-01T00:00:00.000Z', event: 'start', pid: 1, version: 'x'.repeat(1_000) })}\n`
    const room = 4 * 1024 * 1024 - 40_000 - statSync(logFile(cli)).size
    appendFileSync(logFile(cli), padding.repeat(Math.floor(room / padding.length)))
    await cli.up(['-v'])
    const early = cli.start(['logs', '-f', '-v', '--json', '-n', 'all'])
    await eventually(() => linesIn(early.stdout()).length > 3_000)
    await fetchAll(cli.web, 60)
    // Whoever comes in between reads from both files what the other one hears, and hears the rest.
    const late = cli.start(['logs', '-f', '-v', '--json', '-n', 'all'])
    await Promise.all([fetchAll(cli.web, 240), eventually(() => late.stdout() !== '')])
    const all = Array.from({ length: 300 }, () => ['opened', 'closed'])
      .flat()
      .sort()
    for (const follower of [early, late]) {
      const told = await eventually(() => {
        const seen = outcomes(linesIn(follower.stdout()))
        return seen.length >= all.length && seen
      })
      expect(told.map(({ outcome }) => outcome).sort()).toEqual(all)
      expect(new Set(told.map(({ from, outcome }) => `${from} ${outcome}`)).size).toBe(all.length)
    }
    expect(outcomes(await read(cli, '-v', '-n', 'all'))).toEqual(outcomes(linesIn(early.stdout())))
    for (const file of [logFile(cli), `${logFile(cli)}.1`])
      expect(outcomes(linesIn(readFileSync(file, 'utf8'))).length, file).toBeGreaterThan(0)
  })

  test('-f -v shows each connection, and up -v keeps each in the file', async () => {
    const quiet = await logged()
    await quiet.up()
    const following = quiet.start(['logs', '-f', '-v', '--json'])
    await eventually(() => following.stdout() !== '')
    await fetch(quiet.web)
    const isClosed = (line: LogLine) => line.event === 'connection' && line.outcome === 'closed'
    const live = await eventually(() => linesIn(following.stdout()).find(isClosed))
    expect(live).toMatchObject({ level: 'debug', name: 'web', from: expect.stringContaining('127.0.0.1:') })
    expect(live).toMatchObject({ bytes: { in: 5, out: 0 } })
    expect((await read(quiet, '-v')).some(isClosed)).toBe(false)

    const loud = await logged()
    await loud.up(['-v'])
    await fetch(loud.web)
    await eventually(async () => (await read(loud, '-v')).some(isClosed))
    expect((await read(loud)).some(isClosed)).toBe(false)
  })

  test('who reads may leave early', async () => {
    const cli = await logged()
    await cli.up()
    const script = '{ "$0" "$@"; echo "code $?" >&2; } | head -n 1'
    const reading = cli.run(['logs', '-f'], { prefix: ['/bin/sh', '-c', script] })
    const head = await actUntil(reading, () => cli.run(['restart']))
    expect(head.stdout.trimEnd().split('\n')).toHaveLength(1)
    expect(head.stderr).not.toMatch(/EPIPE|at .*\.js/)
    expect(head.stderr).toContain('code 0\n')
  })
})

describe('the file', () => {
  test('is kept in the foreground, too', async () => {
    const cli = await logged()
    const up = cli.start(['up'])
    await eventually(async () => (await cli.run(['status', '--check'])).code === 0)
    expect((await read(cli)).map(nameOf)).toEqual(expect.arrayContaining(['start', 'acme', 'web']))
    up.signal('SIGINT')
    await up.ended
    expect(linesIn(readFileSync(logFile(cli), 'utf8')).at(-1)).toMatchObject({ event: 'end' })
    expect(statSync(logFile(cli)).mode & 0o777).toBe(0o600)
  })

  test('never has a password, whoever asks with it or without', async () => {
    const secret = 'hunter2-is-my-password'
    const cli = await logged({ PROXY_PASSWORD: secret, LC_ALL: 'C' })
    const socks = await freePort()
    const auth = '{ username: me, password_env: PROXY_PASSWORD }'
    cli.write('tunnels.yaml', cli.yaml(`  proxy: { via: acme, dynamic: ${socks}, auth: ${auth} }\n`))
    await cli.up(['-v'])
    const curl = (password: string) =>
      cli.run(['-s', '-x', `socks5h://me:${password}@127.0.0.1:${socks}`, 'http://127.0.0.1:1/'], {
        prefix: ['sh', '-c', 'shift; exec curl "$@"'],
      })
    await Promise.all([curl(secret), curl('wrong')])
    const outcomes = async () =>
      (await read(cli, '-v', 'proxy')).flatMap((line) => (line.event === 'connection' ? [line.outcome] : []))
    await eventually(async () => (await outcomes()).toSorted().join() === 'failed,refused')
    writeFileSync(join(cli.folder, 'tunnels.yaml'), cli.yaml('  broken: nonsense\n'))
    expect((await cli.run(['reload'])).code).toBe(2)
    expect((await read(cli, '-v')).map(({ event }) => event)).toContain('config')
    expect(readFileSync(logFile(cli), 'utf8')).not.toContain(secret)
  })

  test('has the stack of a crash, as JSON', async () => {
    const cli = await logged()
    const bomb = cli.write(
      'bomb.mjs',
      "process.on('SIGUSR2', () => { throw new Error('the roof is on fire') })\n",
    )
    await cli.up([], { env: { NODE_OPTIONS: `--import=${bomb}` } })
    const { pid } = (await cli.status()).supervisor
    process.kill(pid, 'SIGUSR2')
    await eventually(() => !isAlive(pid))
    await cli.up()
    const lines = await read(cli)
    const crash = lines.find(({ event }) => event === 'crash')
    expect(crash).toMatchObject({ level: 'error', problem: { code: 'INTERNAL' } })
    expect(JSON.stringify(crash)).toMatch(/the roof is on fire.*bomb\.mjs/)
    expect(lines.filter(({ event }) => event === 'start')).toHaveLength(2)
  })
})
