// One supervisor a project, whatever happens to it: started twice at once, killed at any moment, its lock left
// behind with a process id that is somebody else's by now.

import { spawn } from 'node:child_process'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePorts } from '../helpers/ports.ts'
import { isAlive } from '../helpers/processes.ts'
import { isFull } from '../helpers/sample.ts'
import type { TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { openStream, probe, report, startNamedEcho } from './streams.ts'
import { fileOf, patient, randomOf, seed, supervisorsOf, timeUntil } from './watched-project.ts'

let sshd: Sshd
let echo: TestServer
let cli: CliProject
let ports: [number, number, number]

beforeEach(async () => {
  sshd = await startSshd()
  echo = await startNamedEcho('one')
  ports = (await freePorts(3)) as [number, number, number]
  cli = project({ 'tunnels.yaml': file(0) })
})

/** All kinds of listeners; `turn` makes it another file. */
function file(turn: number): string {
  const to = `127.0.0.1:${echo.port}`
  const [first, second, hook] = ports
  return fileOf(
    { acme: hostYaml(sshd) },
    {
      [`tcp${turn % 2}`]: { via: 'acme', local: first, to },
      unix: { via: 'acme', local: './run/x.sock', to },
      socks: { via: 'acme', dynamic: second, description: `turn ${turn}` },
      hook: { via: 'acme', remote: hook, to },
    },
  )
}

const runtime = () => readdirSync(cli.env.TUNNELS_RUNTIME_DIR!)
const socketFiles = () => readdirSync(join(cli.folder, 'run'))
/** What a killed one left under a name of its own is not in anybody's way for the two seconds that it may stay. */
const isOurs = (name: string) => !name.startsWith('.tunnels-')

/** All that is declared works, and nothing is there twice. */
async function isAsDeclared(): Promise<void> {
  // One that came second is on its way out when its `up` has been answered.
  await eventually(() => supervisorsOf(cli).length === 1)
  expect(await probe(ports[0])).toBe('one')
  expect(await probe(join(cli.folder, 'run/x.sock'))).toBe('one')
  expect(await canListen('127.0.0.1', ports[1])).toBe(false)
  expect(await probe(ports[2])).toBe('one')
  expect(socketFiles().filter(isOurs)).toEqual(['x.sock'])
  expect(runtime().filter((name) => /^[0-9a-f]{12}$/.test(name))).toHaveLength(1)
  const { forwards } = await cli.status()
  expect(forwards.map(({ state }) => state)).toEqual(['open', 'open', 'open', 'open'])
  await eventually(() => sshd.sessions().length === 1)
}

/** `isAfterKills`: what was half made when they came, the next that starts a little later removes. */
async function nothingIsLeft({ isAfterKills = false } = {}): Promise<void> {
  await cli.down()
  expect(await Promise.all(ports.map((port) => canListen('127.0.0.1', port)))).toEqual([true, true, true])
  await eventually(() => supervisorsOf(cli).length === 0 && sshd.sessions().length === 0)
  if (isAfterKills) await eventually(isClean)
  else expect([...socketFiles(), ...runtime()]).toEqual([])
}

async function isClean(): Promise<boolean> {
  await cli.up()
  await cli.down()
  const folders = runtime().map((name) => join(cli.env.TUNNELS_RUNTIME_DIR!, name))
  return socketFiles().length === 0 && folders.every((path) => readdirSync(path).length === 0)
}

test('two that start at once: one supervises, both say that it is up', patient, async () => {
  for (let round = 0; round < (isFull ? 20 : 4); round++) {
    const both = await Promise.all([cli.run(['up', '-d', '--trust']), cli.run(['up', '-d', '--trust'])])
    expect(both.map(({ code, stderr }) => (code === 0 ? '' : stderr))).toEqual(['', ''])
    await isAsDeclared()
    await nothingIsLeft()
  }
})

test(
  `kill -9 at any moment: the next up -d puts everything right, and leaves nothing twice (seed ${seed})`,
  patient,
  async () => {
    const random = randomOf(seed)
    const took: number[] = []
    for (let round = 0; round < (isFull ? 30 : 6); round++) {
      await moments[round % moments.length]!(random, round)
      await eventually(() => supervisorsOf(cli).length === 0)
      const start = performance.now()
      await cli.up()
      took.push(performance.now() - start)
      await isAsDeclared()
    }
    await nothingIsLeft({ isAfterKills: true })
    report('up -d after kill -9', took)
  },
)

const kill = (pids: number[]) => {
  for (const pid of pids) process.kill(pid, 'SIGKILL')
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

/** When the killing happens: the random pause is the test's matter, not a wait for something. */
const moments: ((random: (below: number) => number, round: number) => Promise<void>)[] = [
  async function whileItServes() {
    await cli.up()
    kill(supervisorsOf(cli))
  },
  async function whileItReloads(random, round) {
    await cli.up()
    cli.write('tunnels.yaml', file(round))
    await pause(random(300))
    kill(supervisorsOf(cli))
  },
  async function whileItStarts(random) {
    kill(supervisorsOf(cli))
    await eventually(() => supervisorsOf(cli).length === 0)
    const up = cli.start(['up', '-d', '--trust'])
    const found = await eventually(() => supervisorsOf(cli).length > 0 && supervisorsOf(cli), { everyMs: 1 })
    await pause(random(250))
    kill(found.filter(isAlive))
    await up.ended
  },
]

test('a lock that was left behind kills nobody, whosever process id is in it', async () => {
  const bystander = spawn('sleep', ['600'])
  onTestFinished(() => void bystander.kill('SIGKILL'))
  await cli.up()
  const { pid } = (await cli.status()).supervisor
  kill([pid])
  await eventually(() => !isAlive(pid))
  const lock = join(cli.env.TUNNELS_RUNTIME_DIR!, runtime()[0]!)
  const info = join(lock, readdirSync(lock).find((name) => name.endsWith('.json'))!)
  writeFileSync(info, readFileSync(info, 'utf8').replace(`"pid":${pid}`, `"pid":${bystander.pid}`))
  expect(readFileSync(info, 'utf8')).toContain(`"pid":${bystander.pid}`)

  expect((await cli.run(['status'])).code).toBe(3)
  expect((await cli.run(['reload'])).code).toBe(3)
  expect((await cli.run(['down'])).code).toBe(0)
  expect(isAlive(bystander.pid!)).toBe(true)
  await cli.up()
  await isAsDeclared()
  expect((await cli.status()).supervisor.pid).not.toBe(bystander.pid)
  await nothingIsLeft()
  expect(isAlive(bystander.pid!)).toBe(true)
})

test('killed while its connections stream: they all end, and the ports are free', async () => {
  await cli.up()
  const streams = await Promise.all([ports[0], join(cli.folder, 'run/x.sock'), ports[2]].map(openStream))
  const start = performance.now()
  kill(supervisorsOf(cli))
  const took = await timeUntil(start, async () => {
    const free = await Promise.all(ports.map((port) => canListen('127.0.0.1', port)))
    return free.every(Boolean)
  })
  await eventually(() => streams.every((stream) => stream.broken() !== null))
  expect(await cli.run(['status'])).toMatchObject({ code: 3 })
  expect(await cli.run(['down'])).toMatchObject({ code: 0 })
  report('Ports free after kill -9', [took])
})

test('the runtime folder is removed under it: it can be asked again, and no second one is started', async () => {
  await cli.up()
  const [pid] = supervisorsOf(cli)
  rmSync(cli.env.TUNNELS_RUNTIME_DIR!, { recursive: true })
  await eventually(async () => (await cli.run(['status'])).code === 0)
  expect((await cli.status()).supervisor.pid).toBe(pid)
  await cli.up()
  await isAsDeclared()
  expect(supervisorsOf(cli)).toEqual([pid])
  await nothingIsLeft()
})

test('the runtime folder is removed, and an `up` comes first: one of the two ends, and says so', async () => {
  await cli.up()
  const [first] = supervisorsOf(cli)
  rmSync(cli.env.TUNNELS_RUNTIME_DIR!, { recursive: true })
  await cli.run(['up', '-d', '--trust'])
  await eventually(() => supervisorsOf(cli).length === 1)
  const [left] = supervisorsOf(cli)
  await eventually(async () => (await cli.run(['status', '--check'])).code === 0)
  expect((await cli.status()).supervisor.pid).toBe(left)
  await isAsDeclared()
  if (left !== first) expect((await cli.run(['logs'])).stdout).toContain('another one has been started since')
  await nothingIsLeft()
})
