// What a server's settings allow, each as sshd really does it: a refused connection is reset while its listener
// stays, a refused listener fails and never seemed open.

import { describe, expect, test } from 'vitest'
import type { ForwardStatus } from '../../src/model/status.ts'
import type { CliProject } from '../helpers/cli.ts'
import { failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { isFull } from '../helpers/sample.ts'
import { startServer, startSource, type TestServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { converse, heard, open } from './bytes.ts'
import { eventsIn, forwardOf, forwardWhen, projectVia, statesOf } from './project-via.ts'

const words = ['yes', 'no', 'local', 'remote'] as const
const permits = ['none', 'match', 'mismatch'] as const

const matrix = words.flatMap((tcp) =>
  permits.flatMap((permit) => words.map((unix) => ({ tcp, permit, unix }))),
)
/** Each word of each setting at least once. */
const sample = [
  { tcp: 'yes', permit: 'none', unix: 'local' },
  { tcp: 'yes', permit: 'mismatch', unix: 'remote' },
  { tcp: 'no', permit: 'none', unix: 'local' },
  { tcp: 'local', permit: 'match', unix: 'no' },
  { tcp: 'remote', permit: 'match', unix: 'yes' },
] as const

describe.each(isFull ? matrix : sample)(
  'AllowTcpForwarding $tcp, PermitOpen and PermitListen $permit, AllowStreamLocalForwarding $unix',
  ({ tcp, permit, unix }) => {
    test('what is allowed carries, what is denied says which setting denies it', async () => {
      const { cli, doors, server } = await arrange(tcp, permit, unix)
      const up = cli.start(['up', '--json', '--trust'])
      const seen = () => eventsIn(up.stdout())
      const names = ['l', 'r', 'lu', 'ru'] as const
      await eventually(() =>
        names.every((name) => ['open', 'failed', 'retrying'].includes(statesOf(name, seen()).at(-1) ?? '')),
      )
      const isTcpAllowed = (side: string) => (tcp === 'yes' || tcp === side) && permit !== 'mismatch'
      // For a path OpenSSH wants the leave for TCP as well, and any PermitOpen leaves every path out.
      const isPathAllowed = (side: string) => [tcp, unix].every((word) => word === 'yes' || word === side)
      const isPathDialled = isPathAllowed('local') && permit === 'none'

      await (isTcpAllowed('local') ? carries : isDeniedHere)(cli, 'l', doors.l, openSettings)
      await (isPathDialled ? carries : isDeniedHere)(cli, 'lu', doors.lu, pathSettings)
      await (isTcpAllowed('remote') ? carries : isDeniedThere)(cli, 'r', doors.r, listenSettings)
      await (isPathAllowed('remote') ? carries : isDeniedThere)(cli, 'ru', doors.ru, pathSettings.slice(0, 2))

      up.signal('SIGINT')
      await up.ended
      for (const name of names) {
        const isDenied =
          (name === 'r' && !isTcpAllowed('remote')) || (name === 'ru' && !isPathAllowed('remote'))
        const states = isDenied ? ['opening', 'failed'] : ['opening', 'open']
        expect({ name, states: statesOf(name, seen()) }).toEqual({ name, states })
      }
      expect(server.open()).toBe(0)
    })
  },
)

const openSettings = ['AllowTcpForwarding', 'PermitOpen']
const listenSettings = ['AllowTcpForwarding', 'PermitListen']
const pathSettings = ['AllowStreamLocalForwarding', 'AllowTcpForwarding', 'PermitOpen']

/** A server with these settings, and a local and a remote forward over TCP (`l`, `r`) and a Unix socket (`lu`, `ru`). */
async function arrange(tcp: string, permit: (typeof permits)[number], unix: string) {
  const folder = testFolder()
  const server = await startSource('through')
  const unixServer = await startSource('through', { path: folder.join('target.sock') })
  const [l, lu, r, other] = (await freePorts(4)) as [number, number, number, number]
  const doors = { l, lu, r, ru: folder.join('far.sock') }
  const [opens, listens] = permit === 'match' ? [server.port, r] : [other, other]
  const sshd = await startSshd({
    config: [
      `AllowTcpForwarding ${tcp}`,
      `AllowStreamLocalForwarding ${unix}`,
      ...(permit === 'none' ? [] : [`PermitOpen 127.0.0.1:${opens}`, `PermitListen localhost:${listens}`]),
    ],
  })
  const to = `127.0.0.1:${server.port}`
  const cli = projectVia(sshd, {
    l: { local: l, to },
    lu: { local: lu, to: unixServer.path },
    r: { remote: r, to },
    ru: { remote: doors.ru, to },
  })
  return { cli, doors, server }
}

async function carries(cli: CliProject, name: string, door: number | string): Promise<void> {
  expect(String(await converse(await open(door)))).toBe('through')
  const it = await forwardOf(cli, name)
  expect(it).toMatchObject({ state: 'open', problem: null, connections: { total: 1, failed: 0, refused: 0 } })
}

/** Its listener stays, and every connection is reset and counted. */
async function isDeniedHere(
  cli: CliProject,
  name: string,
  door: number | string,
  settings: string[],
): Promise<void> {
  for (const failed of [1, 2]) {
    expect(await failureOf(door)).toBe('ECONNRESET')
    const it = await forwardWhen(cli, name, ({ connections }) => connections.failed === failed)
    expect(it).toMatchObject({ state: 'open', connections: { total: failed, failed } })
    expectToName(it, settings)
    // OpenSSH does not tell a denied path from one where nobody listens.
    expect(it.problem?.code).toBe(name === 'lu' ? 'TARGET_REFUSED' : 'FORWARD_PROHIBITED')
  }
}

async function isDeniedThere(
  cli: CliProject,
  name: string,
  door: number | string,
  settings: string[],
): Promise<void> {
  const it = await forwardOf(cli, name)
  expect(it).toMatchObject({ state: 'failed', problem: { code: 'FORWARD_PROHIBITED' } })
  expectToName(it, settings)
  expect(await failureOf(door)).toBe(typeof door === 'number' ? 'ECONNREFUSED' : 'ENOENT')
}

function expectToName({ problem }: ForwardStatus, settings: string[]): void {
  for (const setting of settings) expect(problem?.hint).toContain(setting)
}

test('a denied listener makes `up -d` fail with the setting, and the others come up', async () => {
  const { cli, doors } = await arrange('local', 'none', 'yes')
  const up = await cli.run(['up', '-d', '--trust'])
  expect(up.code).toBe(1)
  expect(up.stderr).toContain('FORWARD_PROHIBITED')
  expect(up.stderr).toContain('AllowTcpForwarding')
  await carries(cli, 'l', doors.l)
})

test('when everything is denied, `up` ends by itself with 1', async () => {
  const port = await freePort()
  const sshd = await startSshd({ config: ['AllowTcpForwarding no'] })
  const cli = projectVia(sshd, { it: { remote: port, to: 'localhost:1' } })
  const up = await cli.run(['up', '--trust'])
  expect(up.code).toBe(1)
  expect(up.stderr).toContain('FORWARD_PROHIBITED')
})

describe('a remote port that somebody else holds', () => {
  test('is retried, named as such, and taken when it is free', async () => {
    const [sshd, source, port] = await Promise.all([startSshd(), startSource('through'), freePort()])
    const squatters: TestServer[] = []
    for (const host of ['127.0.0.1', '::1'])
      squatters.push(await startServer((socket) => socket.end('another'), { host, port }))
    const cli = projectVia(sshd, { it: { remote: port, to: `127.0.0.1:${source.port}` } })
    const up = cli.start(['up', '--json', '--trust'])
    const it = await forwardWhen(cli, 'it', ({ state }) => state !== 'opening')
    expect(it).toMatchObject({ state: 'retrying', problem: { code: 'REMOTE_PORT_IN_USE' } })
    expect(String(await heard(await open(port)))).toBe('another')

    for (const squatter of squatters) await squatter.stop()
    await forwardWhen(cli, 'it', ({ state, problem }) => state === 'open' && problem === null)
    expect(String(await converse(await open(port)))).toBe('through')
    up.signal('SIGINT')
    expect(statesOf('it', eventsIn((await up.ended).stdout))).toEqual(['opening', 'retrying', 'open'])
    expect(sshd.connections()).toBe(1)
  })
})
