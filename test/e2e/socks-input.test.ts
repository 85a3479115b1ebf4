// SOCKS clients as they come: slow, in pieces, all at once, wrong, hostile; with a password and within allow_to.

import { randomBytes } from 'node:crypto'
import { readdirSync } from 'node:fs'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePorts } from '../helpers/ports.ts'
import { sampleOf } from '../helpers/sample.ts'
import { startEcho, startEchoAfterEnd, startSource, type TestServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import {
  greeted,
  hello,
  login,
  replied,
  replied4,
  socks4,
  socks5,
  socks5Request,
  talk,
} from './socks-wire.ts'

const KINDS = ['dynamic', 'remote'] as const
const PASSWORD = 'correct horse'

let cli: CliProject
let echo: TestServer
let open: Record<(typeof KINDS)[number], number>
let guarded: Record<(typeof KINDS)[number], number>
let choosy: Record<(typeof KINDS)[number], number>

beforeAll(async () => {
  const [sshd, ports] = await Promise.all([startSshd(), freePorts(6)])
  echo = await startEcho()
  const two = (at: number) => ({ dynamic: ports[at]!, remote: ports[at + 1]! })
  open = two(0)
  guarded = two(2)
  choosy = two(4)
  const auth = 'auth: { username: ann, password_env: PROXY_PASSWORD }'
  const allow = `allow_to: ["127.0.0.1:${echo.port}", "*.example.com:443", "[fd00::/8]:1-9"]`
  cli = project({
    '.env': `PROXY_PASSWORD="${PASSWORD}"\n`,
    'tunnels.yaml': `
hosts: { acme: ${hostYaml(sshd)} }
defaults: { forwards: { via: acme } }
forwards:
  dynamic: { dynamic: ${open.dynamic} }
  remote: { remote: ${open.remote}, to: socks }
  guarded-dynamic: { dynamic: ${guarded.dynamic}, ${auth} }
  guarded-remote: { remote: ${guarded.remote}, to: socks, ${auth} }
  choosy-dynamic: { dynamic: ${choosy.dynamic}, ${allow} }
  choosy-remote: { remote: ${choosy.remote}, to: socks, ${allow} }
`,
  })
  await cli.up()
})

async function forward(name: string) {
  return (await cli.status()).forwards.find((each) => each.name === name)!
}

async function bytesOf(port: number, said: Buffer, pieces = false): Promise<number[]> {
  return [...(await talk(port, said, { pieces })).bytes]
}

describe.each(sampleOf(KINDS, 2))('over `%s`', (kind) => {
  test.each([
    ['in one segment', false],
    ['byte by byte', true],
  ])('greeting, request, early data and FIN %s', async (_how, pieces) => {
    const early = 'GET / HTTP/1.0\r\n\r\n'
    const target = await startEchoAfterEnd()
    for (const [message, answer] of [
      [socks5('127.0.0.1', target.port), [...greeted, ...replied(0)]],
      [socks5('localhost', target.port), [...greeted, ...replied(0)]],
      [socks4('127.0.0.1', target.port), replied4(90)],
      [socks4('localhost', target.port), replied4(90)],
    ] as const) {
      const { bytes, ending } = await talk(open[kind], Buffer.concat([message, Buffer.from(early)]), {
        pieces,
      })
      expect([...bytes.subarray(0, answer.length)]).toEqual(answer)
      expect(bytes.subarray(answer.length).toString()).toBe(early)
      expect(ending).toBe('FIN')
    }
  })

  test('early data of a megabyte loses nothing', async () => {
    const content = randomBytes(1_000_000)
    const target = await startEchoAfterEnd()
    const { bytes } = await talk(open[kind], Buffer.concat([socks5('127.0.0.1', target.port), content]))
    expect(bytes.length).toBe(12 + content.length)
    expect(bytes.subarray(12).equals(content)).toBe(true)
  })

  test('who speaks first is heard behind the reply', async () => {
    const target = await startSource('220 welcome')
    const { bytes } = await talk(open[kind], socks5('127.0.0.1', target.port), { finish: false })
    expect(bytes.subarray(12).toString()).toBe('220 welcome')
  })

  test.each([
    ['no method that we take', [5, 1, 1], [5, 255]],
    ['no method at all', [5, 0], [5, 255]],
    ['a name with NUL', [...hello, 5, 1, 0, 3, 3, 97, 0, 98, 0, 80], [...greeted, ...replied(1)]],
    ['a name with control bytes', [...hello, 5, 1, 0, 3, 3, 97, 10, 98, 0, 80], [...greeted, ...replied(1)]],
    ['an empty name', [...hello, 5, 1, 0, 3, 0, 0, 80], [...greeted, ...replied(1)]],
    ['HTTP', [...Buffer.from('CONNECT localhost:80 HTTP/1.1\r\n\r\n')], []],
    ['TLS', [22, 3, 1, 2, 0, 1, 0, 1], []],
    ['an endless SOCKS4 user', [4, 1, 0, 80, 127, 0, 0, 1, ...Array(4000).fill(65)], replied4(91)],
  ])('%s is turned away at once', async (_what, said, answer) => {
    const { bytes, ending } = await talk(open[kind], Buffer.from(said), { finish: false })
    expect([...bytes]).toEqual(answer)
    expect(['FIN', 'ECONNRESET', 'EPIPE']).toContain(ending)
  })

  test('hundreds of malformed clients at once leave no trace, and the next one is served', async () => {
    const seed = Number(process.env.FUZZ_SEED ?? Date.now() % 2 ** 31)
    const { supervisor } = await cli.status()
    await Promise.all(fuzz(seed).map((said) => talk(open[kind], said)))
    await eventually(async () => {
      expect((await forward(kind)).connections, `FUZZ_SEED=${seed}`).toMatchObject({ active: 0, draining: 0 })
    })
    const now = await cli.status()
    expect(now.supervisor).toEqual(supervisor)
    expect(
      now.hosts.map(({ reconnects }) => reconnects),
      `FUZZ_SEED=${seed}`,
    ).toEqual([0])
    const said = Buffer.concat([socks5('127.0.0.1', echo.port), Buffer.from('still here')])
    const { bytes } = await talk(open[kind], said)
    expect(bytes.subarray(12).toString()).toBe('still here')
  })

  test('the right password is let in, byte by byte too; none, a wrong or a half one is not', async () => {
    const port = guarded[kind]
    const request = socks5Request('127.0.0.1', echo.port)
    const message = (username: string, password: string) =>
      Buffer.concat([login(username, password), request])
    const chosen = [5, 2]
    for (const pieces of [false, true]) {
      const welcome = await bytesOf(port, message('ann', PASSWORD), pieces)
      expect(welcome).toEqual([...chosen, 1, 0, ...replied(0)])
    }
    const before = {
      reached: echo.connections(),
      refused: (await forward(`guarded-${kind}`)).connections.refused,
    }
    const wrong = [
      message('ann', 'wrong'),
      message('ann', PASSWORD.slice(0, 1)),
      message('ann', ''),
      message('ann', `${PASSWORD}!`),
      message('bob', PASSWORD),
    ]
    for (const said of wrong) expect(await bytesOf(port, said)).toEqual([...chosen, 1, 1])
    expect(await bytesOf(port, socks5('127.0.0.1', echo.port))).toEqual([5, 255])
    expect(await bytesOf(port, socks4('127.0.0.1', echo.port))).toEqual(replied4(91))
    expect(echo.connections()).toBe(before.reached)
    await eventually(async () => {
      const { refused, failed } = (await forward(`guarded-${kind}`)).connections
      expect({ refused, failed }).toEqual({ refused: before.refused + 7, failed: 0 })
    })
  })

  test('allow_to decides by what was asked for, and looks nothing up', async () => {
    const reply = async (host: string, port: number) =>
      (await bytesOf(choosy[kind], socks5(host, port))).slice(2, 4)
    expect(await reply('127.0.0.1', echo.port)).toEqual([5, 0])
    expect(await reply('localhost', echo.port)).toEqual([5, 2])
    expect(await reply('127.0.0.2', echo.port)).toEqual([5, 2])
    expect(await reply('127.0.0.1', echo.port + 1)).toEqual([5, 2])
    expect(await reply('nowhere.example.com', 80)).toEqual([5, 2])
    expect(await reply('::ffff:127.0.0.1', echo.port + 1)).toEqual([5, 2])
    expect(await reply('fd00::1', 10)).toEqual([5, 2])
    const { connections, problem } = await forward(`choosy-${kind}`)
    expect(connections).toMatchObject({ refused: 6, failed: 0 })
    expect(problem).toBeNull()
  })
})

test('who never finishes the greeting is cut off after 10 s; who was served stays', async () => {
  const silent = [
    Buffer.from([5]),
    hello,
    Buffer.concat([hello, socks5Request('localhost', 80).subarray(0, 7)]),
    Buffer.from([4, 1, 0, 80]),
    Buffer.alloc(0),
  ]
  const served = talk(open.dynamic, socks5('127.0.0.1', echo.port), { finish: false })
  const endings = await Promise.all(
    KINDS.flatMap((kind) => silent.map((said) => talk(open[kind], said, { finish: false }))),
  )
  for (const { ending } of endings) expect(['FIN', 'ECONNRESET']).toContain(ending)
  expect((await forward('dynamic')).connections.active).toBe(1)
  await cli.down(['dynamic'])
  expect((await served).bytes.subarray(0, 12)).toEqual(Buffer.from([...greeted, ...replied(0)]))
})

test.runIf(process.platform === 'linux')(
  'a thousand handshakes later it holds no more descriptors',
  async () => {
    const { pid } = (await cli.status()).supervisor
    const descriptors = () => readdirSync(`/proc/${pid}/fd`).length
    const before = descriptors()
    for (let round = 0; round < 10; round++) {
      await Promise.all(Array.from({ length: 100 }, () => talk(open.remote, socks5('127.0.0.1', echo.port))))
    }
    await eventually(() => descriptors() <= before)
  },
)

/** Beginnings that are right, with anything behind: random bytes, mutated requests, truncated ones. */
function fuzz(seed: number): Buffer[] {
  const whole = [
    socks5('127.0.0.1', 1),
    socks5('localhost', 1),
    socks5('::1', 1),
    socks4('127.0.0.1', 1),
    socks4('a', 1),
  ]
  const bytes = fc.uint8Array({ maxLength: 600 }).map((array) => Buffer.from(array))
  const beginning = fc.constantFrom(
    Buffer.alloc(0),
    Buffer.from([5]),
    hello,
    Buffer.from([...hello, 5, 1, 0]),
    Buffer.from([4]),
  )
  const mutated = fc
    .tuple(fc.constantFrom(...whole), fc.nat(), fc.nat(255))
    .map(([message, at, byte]) =>
      Buffer.from(message.map((old, index) => (index === at % message.length ? byte : old))),
    )
  const truncated = fc
    .tuple(fc.constantFrom(...whole), fc.nat())
    .map(([message, length]) => message.subarray(0, length % message.length))
  const behind = fc.tuple(beginning, bytes).map((parts) => Buffer.concat(parts))
  return fc.sample(fc.oneof(behind, mutated, truncated), { seed, numRuns: 300 })
}
