// What a SOCKS client is told, each answer by what it depends on: a real server, its policy, a target that is
// there or not. Over `dynamic` the server dials, over `remote` with `to: socks` this machine does.

import { beforeAll, describe, expect, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort, freePorts, hasIpv6 } from '../helpers/ports.ts'
import { sampleOf } from '../helpers/sample.ts'
import { startEcho, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { startBlackhole } from './dead-ends.ts'
import { greeted, replied, replied4, socks4, socks5, talk } from './socks-wire.ts'

let cli: CliProject
let echo: TestServer
let dying: Sshd
const at: Record<'dynamic' | 'remote' | 'strict' | 'doomed' | 'choosy', number> = {
  dynamic: 0,
  remote: 0,
  strict: 0,
  doomed: 0,
  choosy: 0,
}

beforeAll(async () => {
  const [free, policed, mortal] = await Promise.all([
    startSshd(),
    startSshd({ config: ['PermitOpen 127.0.0.1:1'] }),
    startSshd(),
  ])
  dying = mortal
  echo = await startEcho()
  const names = Object.keys(at) as (keyof typeof at)[]
  for (const [index, port] of (await freePorts(names.length)).entries()) at[names[index]!] = port
  cli = project({
    'tunnels.yaml': `
hosts:
  acme: ${hostYaml(free, { connect_timeout: '5s' })}
  policed: ${hostYaml(policed)}
  mortal: ${hostYaml(mortal, { connect_timeout: '5s' })}
forwards:
  dynamic: -D ${at.dynamic} acme
  strict: -D ${at.strict} policed
  doomed: -D ${at.doomed} mortal
  remote: { via: acme, remote: ${at.remote}, to: socks }
  choosy: { via: acme, remote: ${at.choosy}, to: socks, allow_to: ["127.0.0.1:1"] }
`,
  })
  await cli.up()
})

/** The answer to a SOCKS5 request, greeting left out. */
async function ask(port: number, host: string, targetPort: number, command = 1) {
  const { bytes, ending } = await talk(port, socks5(host, targetPort, command))
  expect([...bytes.subarray(0, 2)]).toEqual(greeted)
  return { reply: [...bytes.subarray(2)], ending }
}

async function countsOf(name: string) {
  return (await cli.status()).forwards.find((forward) => forward.name === name)!.connections
}

describe.each(sampleOf(['dynamic', 'remote'] as const, 2, 1))('over `%s`', (kind) => {
  test.each(['127.0.0.1', 'localhost', '::1'])('0: %s is reached, and bytes go both ways', async (host) => {
    const isV6 = host === '::1'
    if (isV6 && !(await hasIpv6())) return
    const target = isV6 ? await startEcho({ host }) : echo
    const said = Buffer.concat([socks5(host, target.port), Buffer.from('over and back')])
    const { bytes, ending } = await talk(at[kind], said)
    expect([...bytes.subarray(0, 12)]).toEqual([...greeted, ...replied(0)])
    expect(bytes.subarray(12).toString()).toBe('over and back')
    expect(ending).toBe('FIN')
  })

  test('5: nobody listens there', async () => {
    const port = await freePort()
    expect(await ask(at[kind], '127.0.0.1', port)).toEqual({ reply: replied(5), ending: 'FIN' })
    expect(await ask(at[kind], 'localhost', port)).toEqual({ reply: replied(5), ending: 'FIN' })
  })

  test('4: no such name', async () => {
    expect(await ask(at[kind], 'nowhere.invalid', 80)).toEqual({ reply: replied(4), ending: 'FIN' })
  })

  test('3 or 4: no way there', async () => {
    const { reply } = await ask(at[kind], '255.255.255.255', 80)
    expect([replied(3), replied(4)]).toContainEqual(reply)
  })

  test('6: no answer within connect_timeout', async () => {
    expect(await ask(at[kind], '127.0.0.1', await startBlackhole())).toEqual({
      reply: replied(6),
      ending: 'FIN',
    })
  })

  test('7: BIND and UDP ASSOCIATE are not for us', async () => {
    expect(await ask(at[kind], '127.0.0.1', echo.port, 2)).toEqual({ reply: replied(7), ending: 'FIN' })
    expect(await ask(at[kind], '127.0.0.1', echo.port, 3)).toEqual({ reply: replied(7), ending: 'FIN' })
  })

  test('8: an address type that does not exist', async () => {
    const { bytes } = await talk(at[kind], Buffer.from([5, 1, 0, 5, 1, 0, 9, 127, 0, 0, 1, 0, 80]))
    expect([...bytes]).toEqual([...greeted, ...replied(8)])
  })

  test('SOCKS4 and 4a: 90 granted, 91 for everything else', async () => {
    const closed = await freePort()
    const codeOf = async (message: Buffer) => [...(await talk(at[kind], message)).bytes]
    expect(await codeOf(socks4('127.0.0.1', echo.port))).toEqual(replied4(90))
    expect(await codeOf(socks4('localhost', echo.port))).toEqual(replied4(90))
    expect(await codeOf(socks4('127.0.0.1', closed))).toEqual(replied4(91))
    expect(await codeOf(socks4('nowhere.invalid', 80))).toEqual(replied4(91))
    expect(await codeOf(socks4('127.0.0.1', echo.port, 2))).toEqual(replied4(91))
  })

  test('the failed are counted, the others carry on', async () => {
    const before = await countsOf(kind)
    await ask(at[kind], '127.0.0.1', await freePort())
    await eventually(async () => {
      expect(await countsOf(kind)).toMatchObject({
        total: before.total + 1,
        failed: before.failed + 1,
        refused: before.refused,
        active: 0,
      })
    })
    const forward = (await cli.status()).forwards.find(({ name }) => name === kind)
    expect(forward).toMatchObject({ state: 'open' })
  })
})

test('2 over `dynamic`: PermitOpen forbids it, and status says which setting', async () => {
  expect(await ask(at.strict, '127.0.0.1', echo.port)).toEqual({ reply: replied(2), ending: 'FIN' })
  expect([...(await talk(at.strict, socks4('127.0.0.1', echo.port))).bytes]).toEqual(replied4(91))
  const forward = (await cli.status()).forwards.find(({ name }) => name === 'strict')!
  expect(forward.state).toBe('open')
  expect(forward.problem?.code).toBe('FORWARD_PROHIBITED')
  expect(forward.problem?.hint).toContain('PermitOpen')
})

test('2 over `remote`: not in allow_to', async () => {
  const before = echo.connections()
  expect(await ask(at.choosy, '127.0.0.1', echo.port)).toEqual({ reply: replied(2), ending: 'FIN' })
  expect([...(await talk(at.choosy, socks4('127.0.0.1', echo.port))).bytes]).toEqual(replied4(91))
  expect(echo.connections()).toBe(before)
  expect(await countsOf('choosy')).toMatchObject({ refused: 2, failed: 0 })
})

test('1: the SSH connection is down; 0 again when it is back', async () => {
  expect((await ask(at.doomed, '127.0.0.1', echo.port)).reply).toEqual(replied(0))
  await dying.stop()
  await eventually(async () => {
    const host = (await cli.status()).hosts.find(({ name }) => name === 'mortal')!
    expect(host.state).toBe('retrying')
  })
  // A client waits up to connect_timeout for a host that heals.
  const [five, four] = await Promise.all([
    ask(at.doomed, '127.0.0.1', echo.port),
    talk(at.doomed, socks4('127.0.0.1', echo.port)),
  ])
  expect(five).toEqual({ reply: replied(1), ending: 'FIN' })
  expect([...four.bytes]).toEqual(replied4(91))
  await dying.restart()
  await eventually(async () => {
    expect((await ask(at.doomed, '127.0.0.1', echo.port)).reply).toEqual(replied(0))
  })
})
