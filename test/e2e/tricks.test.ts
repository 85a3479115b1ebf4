// A server that plays tricks, against the built binary: no byte of a forward reaches it before it has proven who it
// is, it opens nothing here that was not asked for, costs no memory without bound, and moves no cursor.

import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, test } from 'vitest'
import { makeKeyPair } from '../../src/demo/key-pair.ts'
import type { Problem } from '../../src/model/problem.ts'
import { atEnd } from '../helpers/cleanup.ts'
import type { CliProject } from '../helpers/cli.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts } from '../helpers/ports.ts'
import { hasTerminals, onTerminal } from '../helpers/pty.ts'
import { startEcho, startServer } from '../helpers/servers.ts'
import {
  forwardedTcpip,
  type HostileOptions,
  kexInit,
  MSG,
  NASTY,
  senderTo,
  startClearServer,
  startHostileServer,
  strangeChannels,
  string,
  uint32,
} from '../ssh/hostile-server.ts'
import { expectClean, projectTo } from './hostile-project.ts'
import { forwardOf, forwardWhen } from './project-via.ts'

const CANARY = 'c4n4ry-of-a-forward'
/** A client of a forward is kept waiting no longer. */
const SOON = { connect_timeout: '2s' }

/** The server behind a wire on which everything that goes to it is read along. */
async function wiretapped(options: HostileOptions) {
  const server = await startHostileServer(options)
  const sent: Buffer[] = []
  const tap = await startServer((socket) => {
    const on = connect({ host: '127.0.0.1', port: server.port, allowHalfOpen: true })
    atEnd(() => void on.destroy())
    on.on('error', () => socket.destroy()).on('close', () => socket.destroy())
    socket.on('data', (chunk: Buffer) => sent.push(chunk)).on('close', () => on.destroy())
    socket.pipe(on).pipe(socket)
  })
  return { server, port: tap.port, heard: () => Buffer.concat(sent) }
}

async function localForward() {
  const port = await freePort()
  return { port, forwards: { web: { local: port, to: 'db.internal:5432', description: 'plain' } } }
}

/** What a client of a forward gets that has a secret to say. */
async function tell(port: number): Promise<string> {
  return exchange(port, CANARY).then(
    (answer) => `answered: ${answer}`,
    (error: NodeJS.ErrnoException) => error.code ?? String(error),
  )
}

/** Comes up or not, as it will; says everything that was said, and the problem of the forward. */
async function upAgainst(
  cli: CliProject,
): Promise<{ said: string; problem: Problem | null; code: number | null }> {
  const up = await cli.run(['up', '-d', '--trust', '--verbose'])
  const { problem } = await forwardOf(cli, 'web')
  return { code: up.code, problem, said: up.stdout + up.stderr + (await shownBy(cli)) }
}

/** Where what a server says ends up. */
async function shownBy(cli: CliProject): Promise<string> {
  const words = ['status', 'logs'].flatMap((verb) => [[verb], [verb, '--json']])
  const answers = await Promise.all(words.map((args) => cli.run(args)))
  return answers.map(({ stdout, stderr }) => stdout + stderr).join('\n')
}

const readStatus = (pid: number, name: string) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1])

/** The most memory that the supervisor has ever used, in MiB; proc(5), VmHWM. */
async function peakMebibytes(cli: CliProject): Promise<number> {
  return readStatus((await cli.status()).supervisor.pid, 'VmHWM') / 1024
}

const isLinux = process.platform === 'linux'

test('a signature by another key: no login is tried, no byte goes through, and it says what it is', async () => {
  let logins = 0
  const { server, port, heard } = await wiretapped({
    signsWith: makeKeyPair(),
    onAuthentication: () => logins++,
  })
  const local = await localForward()
  const cli = projectTo(port, server.key.fingerprint, local.forwards, SOON)
  const { code, problem, said } = await upAgainst(cli)
  expect(code).toBe(1)
  expect(problem?.code).toBe('HOST_PROTOCOL')
  expect(await tell(local.port)).not.toMatch(/^answered/)
  expect(logins).toBe(0)
  for (const secret of [CANARY, 'ssh-userauth', 'deploy', 'db.internal'])
    expect(heard().includes(secret), secret).toBe(false)
  expectClean(said)
})

test.each([
  ['before anything', [] as Buffer[]],
  ['behind its offer of algorithms', [kexInit()]],
])('"you are in", in clear, %s: nobody is, and nothing is told', async (_when, before) => {
  const after = Buffer.concat(forwardedTcpip('', 7000))
  const server = await startClearServer([...before, Buffer.of(MSG.USERAUTH_SUCCESS), after])
  const [echo, local] = [await startEcho(), await localForward()]
  const hook = { remote: 7000, to: `127.0.0.1:${echo.port}` }
  const cli = projectTo(server.port, makeKeyPair().fingerprint, { ...local.forwards, hook }, SOON)
  const { code, problem, said } = await upAgainst(cli)
  expect(code).toBe(1)
  expect(problem?.code).toMatch(/^HOST_(PROTOCOL|LOST|TIMEOUT)$/)
  expect(await tell(local.port)).not.toMatch(/^answered/)
  for (const secret of [CANARY, 'ssh-userauth', 'deploy', 'db.internal', 'tcpip-forward'])
    expect(server.heard().includes(secret), secret).toBe(false)
  expect(echo.connections()).toBe(0)
  expectClean(said)
})

/** Logged in, with a remote forward to an echo that counts. */
async function loggedIn() {
  const [echo, local] = [await startEcho(), await localForward()]
  const { server, port } = await wiretapped({})
  const hook = { remote: 7000, to: `127.0.0.1:${echo.port}` }
  const cli = projectTo(port, server.key.fingerprint, { ...local.forwards, hook })
  await cli.up()
  return { cli, echo, peer: await server.peer(), server }
}

test('channels that nobody asked for, of every kind: each is refused, and nothing here is connected to', async () => {
  const { cli, echo, peer } = await loggedIn()
  const requests = [
    forwardedTcpip('localhost', echo.port),
    forwardedTcpip('127.0.0.1', 7000),
    forwardedTcpip('', 7000),
    forwardedTcpip('localhost', 7001),
    ...strangeChannels(echo.port),
  ]
  for (const request of requests) peer.send(...request)
  await eventually(() => peer.heard('CHANNEL_OPEN_FAILURE') === requests.length)
  expect(peer.heard('CHANNEL_OPEN_CONFIRMATION')).toBe(0)
  expect(echo.connections()).toBe(0)
  peer.send(...forwardedTcpip('localhost', 7000))
  await eventually(() => peer.heard('CHANNEL_OPEN_CONFIRMATION') === 1 && echo.connections() === 1)
  expectClean(await shownBy(cli))
})

describe.skipIf(!isLinux)('memory (left out where there is no /proc)', () => {
  test('10,000 channels that nobody asked for, and 10,000 that somebody did: those are bounded, and it serves on', async () => {
    const { cli, echo, peer } = await loggedIn()
    const before = await peakMebibytes(cli)
    for (let sent = 0; sent < 10_000; sent++) peer.send(...forwardedTcpip('localhost', 8_000))
    await eventually(() => peer.heard('CHANNEL_OPEN_FAILURE') === 10_000)
    expect(echo.connections()).toBe(0)
    for (let sent = 0; sent < 10_000; sent++) peer.send(...forwardedTcpip('localhost', 7_000))
    const full = await forwardWhen(cli, 'hook', ({ connections }) => connections.total === 10_000)
    expect(full.connections.active).toBeLessThanOrEqual(1_024)
    expect(full.problem?.code).toBe('LIMIT_REACHED')
    await eventually(() => expect(echo.open()).toBeLessThanOrEqual(1_024))
    expect((await peakMebibytes(cli)) - before).toBeLessThan(150)
    expectClean(await shownBy(cli))
  })

  const MIB = 1024 * 1024
  test.each<[string, HostileOptions]>([
    [
      'a greeting of 1 MiB before the version',
      { greeting: `${NASTY.replaceAll(/[\r\n]/g, '')}\r\n`.repeat(MIB / 40) },
    ],
    ['a banner of 1 MiB in one packet', { banner: NASTY.repeat(MIB / 40) }],
    [
      'a banner of 1 MiB in pieces',
      {
        onAuthentication: (attempt, connection) => {
          const send = senderTo(connection)
          for (let piece = 0; piece < 64; piece++)
            send(MSG.USERAUTH_BANNER, string(NASTY.repeat(400)), string(''))
          attempt.reject([NASTY] as never)
        },
      },
    ],
  ])('%s: not obeyed, and not kept', async (_what, options) => {
    const { server, port } = await wiretapped(options)
    const local = await localForward()
    const cli = projectTo(port, server.key.fingerprint, local.forwards)
    const { said, problem } = await upAgainst(cli)
    expect(problem?.code).toMatch(/^(HOST_|AUTH_)/)
    expectClean(said)
    expect(said.length).toBeLessThan(200_000)
    expect(await peakMebibytes(cli)).toBeLessThan(300)
  })
})

test.skipIf(!hasTerminals)('on a terminal: neither a title, nor colours, nor a line of its own', async () => {
  const [port] = await freePorts(1)
  const { server, port: at } = await wiretapped({ banner: NASTY, onTcpip: () => {} })
  const cli = projectTo(at, server.key.fingerprint, { web: { local: port, to: 'db.internal:5432' } })
  const terminal = await onTerminal(cli, ['up', '--trust', '--verbose'])
  await eventually(async () => (await forwardOf(cli, 'web')).state === 'open')
  const peer = await server.peer()
  const telling = tell(port!)
  await forwardWhen(cli, 'web', ({ connections }) => connections.active === 1)
  for (const id of [0, 1, 2])
    peer.send(MSG.CHANNEL_OPEN_FAILURE, uint32(id), uint32(2), string(NASTY), string(''))
  expect(await telling).not.toMatch(/^answered/)
  peer.send(MSG.DISCONNECT, uint32(2), string(NASTY), string(''))
  await eventually(() => server.connections() > 1)
  await forwardWhen(cli, 'web', ({ state }) => state === 'open')
  terminal.type('\x03')
  await terminal.ended
  const output = terminal.output().replaceAll('\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J', '')
  expect(output).toContain('forged: line')
  // Ours moves the cursor and paints; what only the server sends is not in it.
  for (const trick of ['\x1b]', '\x1b[2J', '\x9b', '\u202e', '\x07', '\x00', '\x7f', '\r\nforged'])
    expect(output.includes(trick), JSON.stringify(trick)).toBe(false)
})
