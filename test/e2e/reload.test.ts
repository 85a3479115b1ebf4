// Edits of the file while people work through the tunnels: whoever an edit does not name never notices, in
// bytes, connections or logins.

import { readFileSync } from 'node:fs'
import { beforeEach, describe, expect, test } from 'vitest'
import type { ControlClient } from '../../src/control/client.ts'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { exchange } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { canListen, freePort, freePorts } from '../helpers/ports.ts'
import { isFull } from '../helpers/sample.ts'
import { startServer, startSource, type TestServer } from '../helpers/servers.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { someBytes } from './bytes.ts'
import { openStream, probe, report, type Stream, startNamedEcho, startProbes } from './streams.ts'
import {
  controlOf,
  fileOf,
  forwardIn,
  patient,
  randomOf,
  seed,
  statusWhen,
  timeUntil,
  type Yaml,
} from './watched-project.ts'

const isRoot = process.getuid?.() === 0

let sshd: Sshd
let echoes: [TestServer, TestServer]

/** Each test counts logins, so each has a server of its own. */
beforeEach(async () => {
  sshd = await startSshd()
  echoes = [await startNamedEcho('one'), await startNamedEcho('two')]
})

const nameOf = (index: number) => (index === 0 ? 'one' : 'two')
const targetOf = (index: number) => `127.0.0.1:${echoes[index]!.port}`

interface Forward {
  local: number
  to: number
  allowFrom: string[] | null
}

function yamlOf({ local, to, allowFrom }: Forward): Yaml {
  return { via: 'acme', local, to: targetOf(to), ...(allowFrom && { allow_from: allowFrom }) }
}

describe('ten forwards of one host, each with a connection that streams', () => {
  const count = isFull ? 100 : 15

  test(`${count} edits at random disturb nobody whom they do not name (seed ${seed})`, patient, async () => {
    const random = randomOf(seed)
    const forwards = new Map<string, Forward>()
    const streams = new Map<string, Stream>()
    const took: number[] = []
    let names = 0
    const add = async () => {
      const name = `f${names++}`
      forwards.set(name, { local: await freePort(), to: names % 2, allowFrom: null })
      return name
    }
    const file = () =>
      fileOf(
        { acme: hostYaml(sshd) },
        Object.fromEntries([...forwards].map(([name, forward]) => [name, yamlOf(forward)])),
      )
    for (let index = 0; index < 10; index++) await add()
    const cli = project({ 'tunnels.yaml': file() })
    await cli.up()
    for (const [name, { local }] of forwards) streams.set(name, await openStream(local))
    const { pid } = (await cli.status()).supervisor

    /** Writes what `forwards` says, waits until `isApplied`, and looks after everybody else. */
    const save = async (edited: string, isApplied: () => Promise<boolean>) => {
      const start = performance.now()
      cli.write('tunnels.yaml', file())
      took.push(await timeUntil(start, isApplied))
      for (const [name, stream] of streams) if (name !== edited) await stream.flows()
    }
    const answers = (port: number, answer: string) => async () => (await probe(port)) === answer
    /** What was open goes on while it drains. */
    const replaceStream = async (name: string) => {
      await streams.get(name)!.end()
      streams.set(name, await openStream(forwards.get(name)!.local))
    }

    const edits: ((name: string, forward: Forward) => Promise<void>)[] = [
      async function to(name, forward) {
        forward.to = 1 - forward.to
        await save(name, answers(forward.local, nameOf(forward.to)))
        await replaceStream(name)
      },
      async function local(name, forward) {
        const old = forward.local
        forward.local = await freePort()
        await save(name, answers(forward.local, nameOf(forward.to)))
        await eventually(answers(old, '!ECONNREFUSED'))
        await replaceStream(name)
      },
      async function allowFrom(name, forward) {
        forward.allowFrom = ['10.9.9.9']
        await save(name, answers(forward.local, '!ECONNRESET'))
        await eventually(() => streams.get(name)!.broken() !== null)
        forward.allowFrom = ['127.0.0.1']
        await save(name, answers(forward.local, nameOf(forward.to)))
        streams.set(name, await openStream(forward.local))
      },
      async function removeAndAdd(name, forward) {
        forwards.delete(name)
        await save(name, answers(forward.local, '!ECONNREFUSED'))
        await streams.get(name)!.end()
        streams.delete(name)
        const added = await add()
        const { local, to } = forwards.get(added)!
        await save(added, answers(local, nameOf(to)))
        streams.set(added, await openStream(local))
      },
    ]
    for (let edit = 0; edit < count; edit++) {
      const [name, forward] = [...forwards][random(forwards.size)]!
      await edits[(edit + random(2)) % edits.length]!(name, forward)
    }

    expect(sshd.logins()).toBe(1)
    const status = await cli.status()
    expect(status.supervisor.pid).toBe(pid)
    expect(status.config).toMatchObject({ state: 'current', problems: [] })
    expect(status.hosts).toMatchObject([{ state: 'open', reconnects: 0, problem: null }])
    expect(status.forwards.map(({ name }) => name).sort()).toEqual([...forwards.keys()].sort())
    expect(status.forwards.map(({ state }) => state)).toEqual(status.forwards.map(() => 'open'))
    expect((await cli.run(['plan', '--detailed-exitcode'])).code).toBe(0)
    for (const stream of streams.values()) await stream.end()
    report('An edit of one forward, from write to applied', took)
  })

  test(
    'a changed identity_file or user of the host: nobody is refused, open connections drain, new ones go the new way',
    patient,
    async () => {
      const { server, identities } = await startWithTwoKeys()
      sshd = server
      const [first, second] = identities
      const hosts = [
        { identity_file: first },
        { identity_file: second },
        ...(isRoot ? [{ identity_file: second, user: 'daemon' }] : []),
      ]
      const ports = await freePorts(10)
      const forwards = Object.fromEntries(
        ports.map((local, index) => [`f${index}`, yamlOf({ local, to: 0, allowFrom: null })]),
      )
      const file = (index: number) => fileOf({ acme: hostYaml(sshd, hosts[index % hosts.length]) }, forwards)
      const cli = project({ 'tunnels.yaml': file(0) })
      await cli.up()
      const control = await controlOf(cli)
      const probes = startProbes(ports)
      let streams = await Promise.all(ports.map(openStream))
      const took: number[] = []
      for (let edit = 1; edit <= (isFull ? 30 : 3); edit++) {
        const start = performance.now()
        cli.write('tunnels.yaml', file(edit))
        // What is open drains from the moment in which the new connection serves.
        const isMoved = async () =>
          (await control.status()).forwards.every((one) => one.connections.draining > 0)
        took.push(await timeUntil(start, isMoved))
        await eventually(() => expect(sshd.logins()).toBe(edit + 1))
        const next = await Promise.all(ports.map(openStream))
        await Promise.all([...streams, ...next].map((stream) => stream.flows()))
        await eventually(() => expect(sshd.sessions()).toHaveLength(2))
        await Promise.all(streams.map((stream) => stream.end()))
        await eventually(() => sshd.sessions().length === 1)
        await Promise.all(next.map((stream) => stream.flows()))
        await probes.allAnswer()
        streams = next
      }
      await Promise.all(streams.map((stream) => stream.end()))
      await probes.stop()
      expect(probes.failures).toEqual([])
      report('A changed host, from write to the new connection', took)
    },
  )

  test('down returns when every port is free, in the middle of it all; status is then 3', async () => {
    const ports = await freePorts(10)
    const forwards = Object.fromEntries(
      ports.map((local, index) => [`f${index}`, yamlOf({ local, to: 0, allowFrom: null })]),
    )
    const cli = project({ 'tunnels.yaml': fileOf({ acme: hostYaml(sshd) }, forwards) })
    await cli.up()
    const streams = await Promise.all(ports.map(openStream))
    await Promise.all(streams.map((stream) => stream.flows()))
    await cli.down()
    const free = await Promise.all(ports.map((port) => canListen('0.0.0.0', port)))
    expect(free).toEqual(ports.map(() => true))
    expect(await cli.run(['status'])).toMatchObject({ code: 3 })
    expect(await cli.run(['status', '--json'])).toMatchObject({ code: 3 })
    await eventually(() => streams.every((stream) => stream.broken() !== null))
    await eventually(() => sshd.sessions().length === 0)
  })
})

/** Takes two keys, and as root from every account: sshd reads the usual file as the user who logs in. */
async function startWithTwoKeys(): Promise<{ server: Sshd; identities: [string, string] }> {
  const folder = testFolder()
  const identities: [string, string] = [folder.join('first'), folder.join('second')]
  for (const path of identities) await makeKey(path, 'ed25519')
  const authorizedKeys = identities.map((path) => readFileSync(`${path}.pub`, 'utf8').trim())
  const list = folder.write('authorized', `${authorizedKeys.join('\n')}\n`)
  const forAll = [`AuthorizedKeysCommand /usr/bin/cat ${list}`, 'AuthorizedKeysCommandUser root']
  const server = await startSshd({ authorizedKeys, config: isRoot ? forAll : [] })
  return { server, identities }
}

test('down --drain lets the last bytes of a connection arrive, however slowly they are read', async () => {
  const heard = { bytes: 0, isEnded: false }
  const reader = await startServer((socket) => {
    socket.end()
    socket.on('data', (chunk) => {
      heard.bytes += chunk.length
      socket.pause()
      setTimeout(() => socket.resume(), 2)
    })
    socket.on('end', () => {
      heard.isEnded = true
    })
  })
  const local = await freePort()
  const forwards = { up: { via: 'acme', local, to: `127.0.0.1:${reader.port}` } }
  const cli = project({ 'tunnels.yaml': fileOf({ acme: hostYaml(sshd) }, forwards) })
  await cli.up()
  const content = someBytes(8 * 1024 * 1024)
  const answered = exchange(local, content)
  await eventually(() => reader.connections() === 1)
  await cli.down(['--drain', '60s'])
  await answered
  await eventually(() => heard.isEnded)
  expect(heard.bytes).toBe(content.length)
})

describe('a removed forward', () => {
  let cli: CliProject
  let control: ControlClient
  let ports: [number, number]

  const file = (...drains: (string | number)[]) => {
    const forwards = drains.map((drain, index) => [
      `f${index}`,
      { ...yamlOf({ local: ports[index]!, to: 0, allowFrom: null }), drain },
    ])
    return fileOf({ acme: hostYaml(sshd) }, Object.fromEntries(forwards))
  }

  beforeEach(async () => {
    ports = (await freePorts(2)) as [number, number]
  })

  async function up(...drains: (string | number)[]): Promise<Stream> {
    cli = project({ 'tunnels.yaml': file(...drains) })
    await cli.up()
    control = await controlOf(cli)
    return openStream(ports[1])
  }

  test('listens no more at once; its connections go on, and status shows them until they end', async () => {
    const stream = await up('10m', '10m')
    const start = performance.now()
    cli.write('tunnels.yaml', file('10m'))
    const took = await timeUntil(start, async () => (await probe(ports[1])) === '!ECONNREFUSED')
    const status = await control.status()
    expect(forwardIn(status, 'f1')).toMatchObject({
      state: 'draining',
      listen: [],
      connections: { active: 0, draining: 1 },
    })
    expect((await cli.run(['status'])).stdout).toMatch(/f1.*draining/)
    expect((await control.plan()).changes).toEqual([])
    await stream.flows()
    await stream.end()
    await statusWhen(control, (now) => forwardIn(now, 'f1') === undefined)
    expect(await probe(ports[0])).toBe('one')
    report('A removed forward, from write to its listener closed', [took])
  })

  test('is cut when its drain has passed, and not before', async () => {
    const stream = await up('10m', '3s')
    const start = performance.now()
    cli.write('tunnels.yaml', file('10m'))
    await statusWhen(control, (now) => forwardIn(now, 'f1')?.connections.draining === 1)
    await stream.flows()
    await eventually(() => stream.broken() !== null)
    expect(performance.now() - start).toBeGreaterThan(3_000)
    await statusWhen(control, (now) => forwardIn(now, 'f1') === undefined)
  })

  test('with `drain: 0` is cut at once', async () => {
    const stream = await up('10m', 0)
    cli.write('tunnels.yaml', file('10m'))
    await eventually(() => stream.broken() !== null)
    await statusWhen(control, (now) => forwardIn(now, 'f1') === undefined)
  })

  test('that comes back while it drains listens again, and what drains goes on beside it', async () => {
    const stream = await up('10m', '10m')
    cli.write('tunnels.yaml', file('10m'))
    await eventually(async () => (await probe(ports[1])) === '!ECONNREFUSED')
    cli.write('tunnels.yaml', file('10m', '10m'))
    await eventually(async () => (await probe(ports[1])) === 'one')
    await stream.flows()
    const again = await openStream(ports[1])
    await stream.end()
    await again.end()
    await statusWhen(control, (now) => now.forwards.length === 2)
    expect(sshd.logins()).toBe(1)
  })

  test('was the last of its host: the login goes with the last connection', async () => {
    const source = await startSource('other')
    const other = await startSshd()
    const [stream, port] = [await up('10m', '10m'), await freePort()]
    const elsewhere = { elsewhere: { via: 'other', local: port, to: `127.0.0.1:${source.port}` } }
    cli.write('tunnels.yaml', fileOf({ other: hostYaml(other) }, elsewhere))
    await eventually(async () => (await probe(port)) === 'other')
    await stream.flows()
    expect(sshd.sessions()).toHaveLength(1)
    await stream.end()
    await eventually(() => sshd.sessions().length === 0)
  })
})
