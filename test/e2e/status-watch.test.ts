// `status --watch`: live on a terminal, lines in a pipe, JSON for a script; it ends clean.

import { once } from 'node:events'
import { connect } from 'node:net'
import { stripVTControlCharacters } from 'node:util'
import { beforeAll, describe, expect, test } from 'vitest'
import type { Status } from '../../src/model/status.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { hasTerminals, onTerminal } from '../helpers/pty.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { forwardOf } from './project-via.ts'

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

interface Watched extends CliProject {
  yaml(more?: string): string
}

async function watched(): Promise<Watched> {
  const port = await freePort()
  const head = `name: shop\nhosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  web: -D ${port} acme\n`
  const yaml = (more = '') => `${head}${more}`
  const cli = project({ 'tunnels.yaml': yaml() })
  await cli.up()
  return { ...cli, yaml }
}

/** Adds a forward and waits until it is open. */
async function edit(cli: Watched, name: string): Promise<void> {
  cli.write('tunnels.yaml', cli.yaml(`  ${name}: -D ${await freePort()} acme\n`))
  expect((await cli.run(['reload'])).code).toBe(0)
  await eventually(async () => (await cli.status()).forwards.every(({ state }) => state === 'open'))
}

/** What stands on the screen after its last drawing. */
function screenOf(output: string): string[] {
  const last = output.split('\x1b[H').at(-1) ?? ''
  return stripVTControlCharacters(last.split('\x1b[?1049l')[0]!.split('\x1b[J')[0]!).split('\r\n')
}

describe.skipIf(!hasTerminals)('on a terminal', () => {
  test('it is drawn over when something changes, and Ctrl-C leaves the terminal as it was', async () => {
    const cli = await watched()
    const watching = await onTerminal(cli, ['status', '--watch'])
    await eventually(() => screenOf(watching.output()).some((line) => /^› {2}web +open/.test(line)))
    expect(watching.output()).toContain('\x1b[?1049h')
    await edit(cli, 'second')
    await eventually(() => screenOf(watching.output()).some((line) => /^ {3}second +open/.test(line)))
    watching.type('\x03')
    expect(await watching.ended).toBe(130)
    const [, after = ''] = watching.output().split('\x1b[?1049l')
    expect(stripVTControlCharacters(after)).toMatch(/^web +open/m)
    expect(after).not.toContain('\x1b[?')
    expect(watching.output().slice(0, watching.output().indexOf('\x1b[?1049l'))).toMatch(
      /\x1b\[\?25h[^\x1b]*$/,
    )
  })

  test('it fits after a resize, in both directions', async () => {
    const cli = await watched()
    const ports = await freePorts(12)
    cli.write(
      'tunnels.yaml',
      cli.yaml(ports.map((port) => `  a-forward-${port}: -D ${port} acme\n`).join('')),
    )
    await cli.run(['reload'])
    const watching = await onTerminal(cli, ['status', '--watch'], { rows: 40, columns: 120 })
    const widest = () =>
      Math.max(
        ...screenOf(watching.output())
          .filter((line) => /^[› ] {2}|q leaves$/.test(line))
          .map((line) => line.length),
      )
    await eventually(() => screenOf(watching.output()).length > 15)
    expect(screenOf(watching.output())[2]).toContain('RECONNECTS')
    for (const [rows, columns] of [
      [10, 60],
      [6, 40],
      [40, 120],
    ] as const) {
      watching.resize(rows, columns)
      await eventually(() => {
        const lines = screenOf(watching.output())
        expect(lines.length).toBeLessThanOrEqual(rows)
        expect(widest(), lines.join('|')).toBeLessThanOrEqual(columns)
        expect(lines.at(-1)).toMatch(/q leaves$/)
        expect(lines.some((line) => /^› {2}/.test(line))).toBe(true)
      })
    }
    await eventually(() => screenOf(watching.output())[2]!.includes('RECONNECTS'))
    watching.type('\x03')
    expect(await watching.ended).toBe(130)
  })

  test('with --connections each of them stands below, for as long as it is open', async () => {
    const cli = await watched()
    const watching = await onTerminal(cli, ['status', '--watch', '--connections'], { rows: 40, columns: 120 })
    const stands = (text: RegExp) => eventually(() => text.test(screenOf(watching.output()).join('\n')))
    await stands(/^No connection is open/m)
    const [shown = ''] = (await forwardOf(cli, 'web')).listen
    const client = connect(Number(shown.split(':').at(-1)), '127.0.0.1')
    await once(client, 'connect')
    await stands(new RegExp(`^web +127\\.0\\.0\\.1:${client.localPort} `, 'm'))
    client.destroy()
    await stands(/^No connection is open/m)
    watching.type('q')
    expect(await watching.ended).toBe(130)
    const [, after = ''] = watching.output().split('\x1b[?1049l')
    expect(stripVTControlCharacters(after)).toMatch(/^web +open/m)
  })

  test('it ends with the supervisor, and says so on the terminal that the person is left with', async () => {
    const cli = await watched()
    const watching = await onTerminal(cli, ['status', '--watch'])
    await eventually(() => screenOf(watching.output()).some((line) => line.startsWith('›  web')))
    await cli.down()
    expect(await watching.ended).toBe(0)
    expect(watching.output().split('\x1b[?1049l')[1]).toContain('The supervisor has ended')
  })
})

describe.skipIf(!hasTerminals)('with keys', () => {
  test('one is restarted, another closed when c was pressed twice, and q leaves', async () => {
    const cli = await watched()
    await edit(cli, 'second')
    const watching = await onTerminal(cli, ['status', '--watch'], { rows: 30, columns: 120 })
    const stands = (text: RegExp) => eventually(() => text.test(screenOf(watching.output()).join('\n')))
    await stands(/^› {2}web +open/m)
    const since = (await forwardOf(cli, 'web')).since
    watching.type('r')
    await eventually(async () => {
      const { forwards } = await cli.status()
      return forwards.some((one) => one.name === 'web' && one.state === 'open' && one.since !== since)
    })
    await stands(/^› {2}web +open/m)
    watching.type('\x1b[B')
    await stands(/^› {2}second/m)
    watching.type('c')
    await stands(/^second: c again closes it/m)
    expect((await forwardOf(cli, 'second')).state).toBe('open')
    watching.type('c')
    await eventually(async () => (await cli.status()).forwards.length === 1)
    await stands(/forward second: closed/)
    watching.type('q')
    expect(await watching.ended).toBe(130)
  })

  test('up ends in that view; beside another one it only leaves', async () => {
    const port = await freePort()
    const cli = project({
      'tunnels.yaml': `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  web: -D ${port} acme\n`,
    })
    const first = await onTerminal(cli, ['up'], { rows: 30, columns: 120 })
    await eventually(() => screenOf(first.output()).some((line) => /^› {2}web +open/.test(line)))
    const second = await onTerminal(cli, ['up'], { rows: 30, columns: 120 })
    await eventually(() => screenOf(second.output()).some((line) => /^› {2}web +open/.test(line)))
    second.type('\x03')
    expect(await second.ended).toBe(130)
    expect(second.output().split('\x1b[?1049l')[1]).toContain('Detached')
    expect((await cli.status()).forwards[0]?.state).toBe('open')
    first.type('\x03')
    expect(await first.ended).toBe(130)
    expect(first.output().split('\x1b[?1049l')[1]).toContain('Closing')
    expect((await cli.run(['status'])).code).toBe(3)

    const third = await onTerminal(cli, ['up'], { rows: 30, columns: 120 })
    await eventually(() => screenOf(third.output()).some((line) => /^› {2}web +open/.test(line)))
    await cli.down()
    expect(await third.ended).toBe(0)
    expect(third.output().split('\x1b[?1049l')[1]).toContain('Everything is closed, by `tunnels down`')
  })
})

describe('in a pipe', () => {
  test('it is lines, what is the case first, without any control characters', async () => {
    const cli = await watched()
    const watching = cli.start(['status', '--watch'])
    await eventually(() => /forward web: open/.test(watching.stdout()))
    await edit(cli, 'second')
    await eventually(() => /forward second: open/.test(watching.stdout()))
    watching.signal('SIGINT')
    const ended = await watching.ended
    expect(ended.code).toBe(130)
    expect(ended.stdout).not.toContain('\x1b')
    expect(ended.stdout.trimEnd().split('\n')[0]).toMatch(/^\d\d:\d\d:\d\d host acme: open$/)
  })

  test('only what was named is told', async () => {
    const cli = await watched()
    const watching = cli.start(['status', '--watch', 'web'])
    await eventually(() => /forward web: open/.test(watching.stdout()))
    await edit(cli, 'second')
    await cli.run(['down', 'web'])
    await cli.run(['up', '-d', 'web'])
    await eventually(() => watching.stdout().match(/forward web: open/g)?.length === 2)
    expect(watching.stdout()).not.toContain('forward second: open')
    watching.signal('SIGTERM')
    expect((await watching.ended).code).toBe(143)
    expect((await cli.run(['status', '--watch', 'wbe'])).code).toBe(2)
  })

  test('--json is a whole status a line, each of them other than the one before', async () => {
    const cli = await watched()
    const watching = cli.start(['status', '--watch', '--json'])
    const statuses = () => {
      const lines = watching.stdout().split('\n').slice(0, -1)
      return lines.map((line) => JSON.parse(line) as Status)
    }
    await eventually(() => statuses().length > 0)
    await edit(cli, 'second')
    await eventually(
      () =>
        statuses()
          .at(-1)!
          .forwards.filter(({ state }) => state === 'open').length === 2,
    )
    expect(statuses()[0]!.forwards).toHaveLength(1)
    await cli.down()
    expect((await watching.ended).code).toBe(0)
  })

  test('it ends when the supervisor was killed', async () => {
    const cli = await watched()
    const watching = cli.start(['status', '--watch'])
    await eventually(() => /forward web: open/.test(watching.stdout()))
    const { pid } = (await cli.status()).supervisor
    const other = cli.start(['status', '--watch', '--json'])
    await eventually(() => other.stdout() !== '')
    process.kill(pid, 'SIGKILL')
    const killed = await watching.ended
    expect(killed.code, killed.stderr).toBe(1)
    expect((await other.ended).code).toBe(1)
  })
})
