// What a saved edit may do: it is applied, however it was saved, and whatever it does not name never notices.
// An edit that is broken or half there changes nothing.

import {
  closeSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Event } from '../../src/control/protocol.ts'
import { type CliProject, hostYaml, project, type RunningCli } from '../helpers/cli.ts'
import { exchange, fetchText } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePort, freePorts } from '../helpers/ports.ts'
import { startEcho, startHttp, startSource, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { type HeldStream, holdStream } from './held-stream.ts'

let sshd: Sshd
let echo: TestServer
let greeter: TestServer
beforeAll(async () => {
  ;[sshd, echo, greeter] = await Promise.all([startSshd(), startEcho(), startSource('hello')])
})

let cli: CliProject
let held: HeldStream
let ports: { held: number; web: number; next: number }
let logins: number
let pid: number

/** `up -d` with a forward that a stream runs through, and one to be edited. */
beforeEach(async () => {
  const [first, second, third] = (await freePorts(3)) as [number, number, number]
  ports = { held: first, web: second, next: third }
  cli = project({ 'tunnels.yaml': fileWith(`web: -L ${ports.web}:127.0.0.1:${greeter.port} acme`) })
  const before = sshd.logins()
  await cli.up()
  held = await holdStream(ports.held)
  logins = sshd.logins()
  expect(logins).toBe(before + 1)
  pid = (await cli.status()).supervisor.pid
})

function fileWith(...forwards: string[]): string {
  const lines = [`held: -L ${ports.held}:127.0.0.1:${echo.port} acme`, ...forwards]
  return `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n${lines.map((line) => `  ${line}\n`).join('')}`
}

const path = (name = 'tunnels.yaml') => join(cli.folder, name)

async function forward(name: string) {
  return (await cli.status()).forwards.find((each) => each.name === name)
}

/** The stream lost nothing, through the same login of the same supervisor. */
async function nothingElseHappened(): Promise<void> {
  expect(await held.finish()).toBeGreaterThan(0)
  expect(sshd.logins()).toBe(logins)
  const status = await cli.status()
  expect(status.supervisor.pid).toBe(pid)
  expect(status.hosts).toMatchObject([{ name: 'acme', state: 'open', reconnects: 0, problem: null }])
  expect(status.forwards.find(({ name }) => name === 'held')).toMatchObject({
    state: 'open',
    connections: { total: 1, failed: 0 },
  })
}

/** Every plan that was applied and every turn of the file, as they are told from now on. */
async function watchEvents(): Promise<RunningCli & { changes(): string[] }> {
  const up = cli.start(['up', '--json'])
  await eventually(() => up.stdout().includes('"held"'))
  const changes = () => {
    const events = up
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event)
    return events.flatMap((event) =>
      event.event === 'plan' ? event.plan.changes.map(({ action, name }) => `${action} ${name}`) : [],
    )
  }
  return { ...up, changes }
}

describe('an edit is applied', () => {
  const moved = () => fileWith(`web: -L ${ports.next}:127.0.0.1:${greeter.port} acme`)

  test.each<[string, (content: string) => void]>([
    ['written in place', (content) => writeFileSync(path(), content)],
    [
      'written beside and renamed over it',
      (content) => {
        writeFileSync(path('.tunnels.yaml.swp'), content)
        renameSync(path('.tunnels.yaml.swp'), path())
      },
    ],
    [
      'moved away as a backup and written anew',
      (content) => {
        renameSync(path(), path('tunnels.yaml~'))
        writeFileSync(path(), content)
      },
    ],
    [
      'truncated, then written',
      (content) => {
        truncateSync(path(), 0)
        writeFileSync(path(), content)
      },
    ],
    [
      'deleted and made again',
      (content) => {
        rmSync(path())
        writeFileSync(path(), content)
      },
    ],
  ])('%s', async (_how, save) => {
    save(moved())
    await eventually(async () => {
      expect((await forward('web'))?.listen).toContain(`127.0.0.1:${ports.next}`)
    })
    expect((await exchange(ports.next)).toString()).toBe('hello')
    expect(await canListen('127.0.0.1', ports.web)).toBe(true)
    expect((await cli.status()).config).toMatchObject({ state: 'current', generation: 2, problems: [] })
    expect((await cli.run(['plan', '--detailed-exitcode'])).code).toBe(0)
    await nothingElseHappened()
  })

  test('swapped behind a link, as a mounted ConfigMap is', async () => {
    const content = [fileWith(`web: -L ${ports.web}:127.0.0.1:${greeter.port} acme`), moved()]
    for (const [index, text] of content.entries()) {
      mkdirSync(path(`..${index}`))
      writeFileSync(path(`..${index}/tunnels.yaml`), text)
    }
    symlinkSync('..0', path('..data'))
    symlinkSync('..data/tunnels.yaml', path('linked'))
    renameSync(path('linked'), path())
    await eventually(async () => expect((await cli.status()).config.state).toBe('current'))
    for (const [target, port] of [
      ['..1', ports.next],
      ['..0', ports.web],
      ['..1', ports.next],
    ] as const) {
      symlinkSync(target, path('..data_tmp'))
      renameSync(path('..data_tmp'), path('..data'))
      await eventually(async () => expect((await forward('web'))?.listen).toContain(`127.0.0.1:${port}`))
    }
    await nothingElseHappened()
  })

  test('forwards come and go, change their target, and two swap their ports', async () => {
    const web = await startHttp(() => 'the web')
    const to = (name: string, port: number, target: number) => `${name}: -L ${port}:127.0.0.1:${target} acme`
    cli.write('tunnels.yaml', fileWith(to('web', ports.web, greeter.port), to('other', ports.next, web.port)))
    await eventually(async () => expect(await fetchText(ports.next)).toBe('the web'))
    cli.write('tunnels.yaml', fileWith(to('web', ports.next, greeter.port), to('other', ports.web, web.port)))
    await eventually(async () => expect(await fetchText(ports.web)).toBe('the web'))
    expect((await exchange(ports.next)).toString()).toBe('hello')
    cli.write('tunnels.yaml', fileWith(to('other', ports.web, greeter.port)))
    await eventually(async () => expect((await exchange(ports.web)).toString()).toBe('hello'))
    expect(await canListen('127.0.0.1', ports.next)).toBe(true)
    await eventually(async () =>
      expect((await cli.status()).forwards.map(({ name }) => name)).toEqual(['held', 'other']),
    )
    await nothingElseHappened()
  })

  test('of a hundred saves in a row the last one counts', async () => {
    for (let save = 0; save < 100; save++) {
      cli.write(
        'tunnels.yaml',
        fileWith(`web: -L ${save % 2 ? ports.web : ports.next}:127.0.0.1:${greeter.port} acme`),
      )
      await new Promise((resolve) => setImmediate(resolve))
    }
    const last = await freePort()
    cli.write('tunnels.yaml', fileWith(`last: -L ${last}:127.0.0.1:${greeter.port} acme`))
    await eventually(async () => expect((await exchange(last)).toString()).toBe('hello'))
    await eventually(async () =>
      expect((await cli.status()).forwards.map(({ name }) => name)).toEqual(['held', 'last']),
    )
    await nothingElseHappened()
  })

  test('so is one of .env', async () => {
    const line = `web: -L \${WEB_PORT:-${ports.web}}:127.0.0.1:${greeter.port} acme`
    cli.write('tunnels.yaml', fileWith(line))
    cli.write('.env', `WEB_PORT=${ports.next}\n`)
    await eventually(async () => expect((await exchange(ports.next)).toString()).toBe('hello'))
    rmSync(path('.env'))
    await eventually(async () => expect((await exchange(ports.web)).toString()).toBe('hello'))
    await nothingElseHappened()
  })
})

describe('an edit that is no good', () => {
  test('changes nothing, is shown with line and column, and the mended file is taken', async () => {
    const events = await watchEvents()
    const before = await cli.status()
    const spoilt = [`web: { via: acme, local: ${ports.next}, to: "localhost:99999" }`, 'late: -X 1:a:2 acme']
    cli.write('tunnels.yaml', fileWith(...spoilt, 'lokal: 1'))
    const broken = await eventually(async () => {
      const status = await cli.status()
      return status.config.state === 'invalid' && status
    })
    expect(broken.config).toMatchObject({ generation: 1, loadedAt: before.config.loadedAt })
    const places = broken.config.problems.map(({ code, at }) => `${at?.line}:${at?.column} ${code}`)
    expect(places).toEqual(['5:39 CONFIG_SCHEMA', '6:9 CONFIG_SCHEMA', '7:10 CONFIG_SCHEMA'])
    expect(broken.config.problems[0]!.at!.file).toBe(path())
    expect(broken.forwards).toMatchObject(
      before.forwards.map(({ name, listen }) => ({ name, listen, state: 'open' })),
    )
    expect((await exchange(ports.web)).toString()).toBe('hello')
    const shown = await cli.run(['status'])
    expect(shown.code).toBe(0)
    expect(shown.stdout + shown.stderr).toMatch(/tunnels\.yaml:5:39/)
    expect((await cli.run(['up', '-d'])).code).toBe(2)
    await held.stillRuns()

    cli.write('tunnels.yaml', fileWith(`web: -L ${ports.next}:127.0.0.1:${greeter.port} acme`))
    await eventually(async () => expect((await exchange(ports.next)).toString()).toBe('hello'))
    expect((await cli.status()).config).toMatchObject({ state: 'current', generation: 2, problems: [] })
    await eventually(() => expect(events.changes()).toEqual(['update web']))
    events.signal('SIGINT')
    await events.ended
    await nothingElseHappened()
  })

  test.each<[string, () => void]>([
    ['empty', () => truncateSync(path(), 0)],
    ['gone', () => rmSync(path())],
    ['a comment', () => writeFileSync(path(), '# all gone\n')],
    ['broken YAML', () => writeFileSync(path(), 'forwards: [\n')],
    ['no YAML at all', () => writeFileSync(path(), Buffer.from([0xff, 0xfe, 0, 1, 2, 3]))],
    [
      'a folder',
      () => {
        rmSync(path())
        mkdirSync(path())
      },
    ],
  ])('%s: no tunnel goes down, and status says so', async (_what, spoil) => {
    const good = fileWith(`web: -L ${ports.web}:127.0.0.1:${greeter.port} acme`)
    spoil()
    await eventually(async () => expect((await cli.status()).config.state).toBe('invalid'))
    expect((await cli.status()).config.problems.length).toBeGreaterThan(0)
    expect((await exchange(ports.web)).toString()).toBe('hello')
    rmSync(path(), { recursive: true, force: true })
    writeFileSync(path(), good)
    await eventually(async () => expect((await cli.status()).config.state).toBe('current'))
    expect((await cli.status()).config.generation).toBeLessThanOrEqual(2)
    await nothingElseHappened()
  })

  test('a slow writer: what is half there takes no tunnel down, however it is cut', async () => {
    const events = await watchEvents()
    const content = `# ${'x'.repeat(200)}\n${fileWith(
      `web: { via: acme, local: ${ports.web}, to: "127.0.0.1:${greeter.port}" }`,
      `late: -L ${ports.next}:127.0.0.1:${greeter.port} acme`,
    )}`
    const file = openSync(path(), 'w')
    // Long enough for each piece to be looked at, and never cut behind a line feed: that would be a whole file.
    for (const piece of content.match(/.{1,160}[^\n]|.+/gs) ?? []) {
      await new Promise((resolve) => setTimeout(resolve, 250))
      writeSync(file, piece)
    }
    closeSync(file)
    await eventually(async () => expect((await exchange(ports.next)).toString()).toBe('hello'))
    await eventually(() => expect(events.changes()).toEqual(['open late']))
    events.signal('SIGINT')
    await events.ended
    await nothingElseHappened()
  })
})
