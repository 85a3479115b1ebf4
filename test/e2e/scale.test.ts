// Many forwards, and hosts that never answer: an edit elsewhere is applied as if they were not there.

import { beforeEach, describe, expect, test } from 'vitest'
import { hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePort, freePorts } from '../helpers/ports.ts'
import { isFull } from '../helpers/sample.ts'
import type { TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { startBlackhole } from './dead-ends.ts'
import { openStream, probe, report, startNamedEcho } from './streams.ts'
import {
  controlOf,
  fileOf,
  forwardIn,
  reloadTrusting,
  statusWhen,
  timeUntil,
  type Yaml,
} from './watched-project.ts'

/** All of 127.0.0.0/8, and a listener whose full queue answers nobody. */
const isLinux = process.platform === 'linux'

let sshd: Sshd
let one: TestServer
let two: TestServer

beforeEach(async () => {
  sshd = await startSshd()
  one = await startNamedEcho('one')
  two = await startNamedEcho('two')
})

const to = ({ port }: TestServer) => `127.0.0.1:${port}`

/** Ten ports, each on a hundred addresses of the loopback network. */
async function thousandPlaces(): Promise<{ host: string; port: number }[]> {
  const ports = await freePorts(10)
  return ports.flatMap((port) => Array.from({ length: 100 }, (_, n) => ({ host: `127.0.1.${n + 1}`, port })))
}

test.runIf(isLinux)(
  'a thousand forwards over twenty hosts: all come up, one is edited, one drains on time, all go down',
  async () => {
    const listens = await thousandPlaces()
    const hosts = Object.fromEntries(
      Array.from({ length: 20 }, (_, index) => [`host${index}`, hostYaml(sshd)]),
    )
    const forwards = Object.fromEntries(
      listens.map(({ host, port }, index): [string, Yaml] => [
        `f${index}`,
        { via: `host${index % 20}`, local: `${host}:${port}`, to: to(one), drain: '10m' },
      ]),
    )
    const cli = project({ 'tunnels.yaml': fileOf(hosts, forwards) })
    const start = performance.now()
    await cli.up()
    report('1,000 forwards: up -d', [performance.now() - start])
    expect(sshd.logins()).toBe(20)
    const answers = await Promise.all(listens.map(probe))
    expect(answers.filter((answer) => answer !== 'one')).toEqual([])

    const control = await controlOf(cli)
    const planned: number[] = []
    for (let round = 0; round < 5; round++) {
      const begun = performance.now()
      expect((await control.plan()).changes).toEqual([])
      planned.push(performance.now() - begun)
    }
    report('1,000 forwards: load and plan, asked of the supervisor', planned)

    const streams = await Promise.all(listens.slice(0, 10).map(openStream))
    const took: number[] = []
    for (let edit = 0; edit < (isFull ? 20 : 3); edit++) {
      const index = 500 + edit
      forwards[`f${index}`] = { ...forwards[`f${index}`], to: to(two) }
      const written = performance.now()
      cli.write('tunnels.yaml', fileOf(hosts, forwards))
      took.push(await timeUntil(written, async () => (await probe(listens[index]!)) === 'two'))
    }
    report('1,000 forwards: an edit of one, from write to applied', took)
    await Promise.all(streams.slice(1).map((stream) => stream.flows()))

    forwards.f0 = { ...forwards.f0, drain: '1s' }
    cli.write('tunnels.yaml', fileOf(hosts, forwards))
    await eventually(async () => (await control.status()).config.generation === took.length + 2)
    delete forwards.f0
    cli.write('tunnels.yaml', fileOf(hosts, forwards))
    await eventually(() => streams[0]!.broken() !== null)
    await statusWhen(control, (status) => forwardIn(status, 'f0') === undefined)
    await Promise.all(streams.slice(1).map((stream) => stream.end()))
    expect(sshd.logins()).toBe(20)

    const ending = performance.now()
    await cli.down()
    report('1,000 forwards: down', [performance.now() - ending])
    const free = await Promise.all(listens.map(({ host, port }) => canListen(host, port)))
    expect(free.every(Boolean)).toBe(true)
  },
)

describe.runIf(isLinux)('beside a host that swallows every packet, and a drain of ten minutes', () => {
  test('an edit of another forward is applied at once', async () => {
    const [port, draining, dead] = (await freePorts(3)) as [number, number, number]
    const blackhole = await startBlackhole()
    const hosts = {
      acme: hostYaml(sshd),
      dead: hostYaml(sshd, { port: blackhole, connect_timeout: '10m' }),
      behind: hostYaml(sshd, { proxy_jump: 'dead' }),
    }
    const web = (target: TestServer, local = port) => ({ via: 'acme', local, to: to(target) })
    const stuck = {
      lost: { via: 'dead', local: dead, to: to(one) },
      deeper: { via: 'behind', dynamic: await freePort() },
      hook: { via: 'dead', remote: 7000, to: to(one) },
    }
    const cli = project({
      'tunnels.yaml': fileOf({ acme: hosts.acme }, { web: web(one), leaving: web(one, draining) }),
    })
    await cli.up()
    const control = await controlOf(cli)
    const stream = await openStream(draining)
    cli.write('tunnels.yaml', fileOf(hosts, { ...stuck, web: web(one) }))
    await reloadTrusting(control)
    await statusWhen(control, (status) => forwardIn(status, 'leaving')?.state === 'draining')
    await statusWhen(control, (status) => status.hosts.length === 3)

    const took: number[] = []
    for (const target of [two, one, two, one]) {
      const start = performance.now()
      cli.write('tunnels.yaml', fileOf(hosts, { ...stuck, web: web(target) }))
      took.push(await timeUntil(start, async () => (await probe(port)) === (target === one ? 'one' : 'two')))
    }
    // What is stuck itself may be edited, too, and moved to where it goes.
    const start = performance.now()
    const mended = { ...stuck, lost: { ...stuck.lost, via: 'acme' } }
    cli.write('tunnels.yaml', fileOf(hosts, { ...mended, web: web(one) }))
    // A probe that came before would wait for the dead host as long as its connect_timeout allows.
    await statusWhen(control, (status) => forwardIn(status, 'lost')?.via === 'acme')
    took.push(await timeUntil(start, async () => (await probe(dead)) === 'one'))
    report('An edit beside a dead host and a drain, from write to applied', took)

    const status = await control.status()
    const states = Object.fromEntries(status.forwards.map(({ name, state }) => [name, state]))
    expect(states).toMatchObject({ leaving: 'draining', web: 'open', lost: 'open' })
    expect(['opening', 'retrying']).toContain(states.deeper)
    expect(['opening', 'retrying']).toContain(states.hook)
    await stream.end()
    const ending = performance.now()
    await cli.down()
    report('down beside a dead host', [performance.now() - ending])
  })
})
