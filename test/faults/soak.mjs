// `npm run soak -- --minutes N`: random faults, edits and load for so long. In the end everything is up, the streams
// through the host that had no faults have lost nothing, no byte was ever wrong, and memory and descriptors are back.

import { mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { freePort } from '../../bench/sshd.mjs'
import { hostOf, MAIN } from './contenders.mjs'
import { openLab } from './lab.mjs'
import { writeSection } from './reliability.mjs'
import { exchange, isAnswered, openStream, sleep, until } from './watching.mjs'

const MEMORY = new URL('./live-memory.mjs', import.meta.url).href

const { values } = parseArgs({
  options: { minutes: { type: 'string', default: '30' }, write: { type: 'boolean', default: false } },
})
const NAMES = {
  shaken: ['s1', 's2', 's3', 's4'],
  steady: ['q1', 'q2', 'q3', 'q4'],
  extra: ['x1', 'x2', 'x3', 'x4'],
}
/** What V8 and the system's allocator keep of a load that has ended. */
const MEMORY_SLACK = 60
/** What is in use differs from look to look by the load of that moment: half of the looks against the other half. */
const LIVE_SLACK = 4
const LOOKS = 30
const MIB = 1024 * 1024

const lab = await openLab({ network: false })
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.once(signal, () => lab.close().finally(() => process.exit(130)))
}
try {
  const found = await soak(Number(values.minutes) * 60_000)
  const text = format(found)
  process.stdout.write(`${text}\n`)
  if (values.write) writeSection('soak', text)
  if (!found.ok) process.exitCode = 1
} finally {
  await lab.close()
}

async function soak(ms) {
  const world = await openWorld()
  const count = { faults: 0, edits: 0, equal: 0, cut: 0, late: 0, wrong: 0 }
  await load(world, count, Date.now() + 10_000)
  await sleep(5_000)
  const before = measure(world.child.pid)
  const streams = NAMES.steady.flatMap((name) => [
    openStream(world.ports[name]),
    openStream(world.ports[name], { everyMs: 20, bytes: 4_096 }),
  ])
  const end = Date.now() + ms
  await Promise.all([
    shake(world, count, end),
    edit(world, count, end),
    load(world, count, end),
    load(world, count, end),
  ])
  const memory = world.memory()
  world.write({})
  const names = [...NAMES.shaken, ...NAMES.steady]
  await until(
    async () => (await Promise.all(names.map((name) => isAnswered(world.ports[name])))).every(Boolean),
    60_000,
  )
  const status = await world.status()
  const survived = streams.filter(({ state }) => state === 'open').length
  const streamed = streams.reduce((sum, { received }) => sum + received, 0)
  for (const stream of streams) stream.close()
  await sleep(15_000)
  const after = measure(world.child.pid)
  const isUp = [...status.hosts, ...status.forwards].every(({ state }) => state === 'open')
  const steady = status.hosts.find(({ name }) => name === 'steady')
  const ok =
    isUp &&
    growth(memory.live) <= LIVE_SLACK &&
    steady.reconnects === 0 &&
    survived === streams.length &&
    count.wrong === 0 &&
    after.files <= before.files + 2 &&
    after.mib <= before.mib + MEMORY_SLACK
  const shaken = status.hosts.find(({ name }) => name === 'shaken')
  return {
    ok,
    count,
    before,
    after,
    memory,
    isUp,
    survived,
    streams: streams.length,
    streamed,
    reconnects: shaken.reconnects,
  }
}

async function openWorld() {
  const folder = join(lab.folder, 'project')
  mkdirSync(folder)
  const servers = { shaken: await lab.sshd(), steady: await lab.sshd() }
  const echo = await lab.echoHere()
  const ports = {}
  for (const name of Object.values(NAMES).flat()) ports[name] = await freePort()
  const forward = (via, name) => ({ via, local: `127.0.0.1:${ports[name]}`, to: `127.0.0.1:${echo}` })
  const fixed = Object.fromEntries(
    ['shaken', 'steady'].flatMap((via) => NAMES[via].map((name) => [name, forward(via, name)])),
  )
  const hosts = Object.fromEntries(
    Object.entries(servers).map(([name, server]) => [name, hostOf(server, [1, 3])]),
  )
  const file = join(folder, 'tunnels.yaml')
  const write = (forwards, text) => {
    writeFileSync(`${file}.new`, text ?? JSON.stringify({ hosts, forwards: { ...fixed, ...forwards } }))
    renameSync(`${file}.new`, file)
  }
  write({})
  const env = {
    TUNNELS_RUNTIME_DIR: join(folder, 'run'),
    TUNNELS_STATE_DIR: join(folder, 'state'),
    HOME: folder,
  }
  const looks = join(folder, 'memory')
  writeFileSync(looks, '')
  const everyMs = Math.round((Number(values.minutes) * 60_000) / LOOKS)
  const watched = { ...env, SOAK_MEMORY_FILE: looks, SOAK_MEMORY_EVERY_MS: String(everyMs) }
  const child = lab.start(process.execPath, ['--import', MEMORY, MAIN, '-f', file, 'up', '-q'], watched)
  /** Of all looks so far, in MiB. */
  const memory = () => {
    const lines = readFileSync(looks, 'utf8').trim().split('\n')
    const all = lines.map((line) => JSON.parse(line))
    return { live: all.map(({ live }) => live / MIB), whole: all.map(({ rss }) => rss / MIB) }
  }
  await until(() => isAnswered(ports.s1), 60_000)
  await until(() => isAnswered(ports.q4), 60_000)
  const status = async () => {
    const asked = lab.start(process.execPath, [MAIN, '-f', file, 'status', '--json'], env)
    await until(() => asked.endedAt, 60_000)
    await until(() => asked.said.trimEnd().endsWith('}'))
    return JSON.parse(asked.said)
  }
  return { child, servers, ports, forward, write, status, memory }
}

/** Everything that befalls the one host, and the supervisor's own process now and then. */
async function shake({ child, servers: { shaken } }, count, end) {
  const faults = [
    async () => shaken.signal('SIGKILL'),
    async () => {
      const sessions = shaken.sessions()
      shaken.signal('SIGSTOP')
      await sleep(between(1_000, 9_000))
      for (const pid of sessions) signalIfThere(pid, 'SIGCONT')
    },
    async () => {
      await shaken.stop()
      await sleep(between(500, 8_000))
      await shaken.start()
    },
    async () => {
      child.kill('SIGSTOP')
      await sleep(between(500, 6_000))
      child.kill('SIGCONT')
    },
  ]
  while (Date.now() < end) {
    await sleep(between(1_000, 6_000))
    await one(faults)()
    count.faults += 1
  }
}

function signalIfThere(pid, signal) {
  try {
    process.kill(pid, signal)
  } catch {
    // Ended by who waited in vain.
  }
}

/** Forwards that come, go and change; a file that is broken for a while. */
async function edit({ forward, write }, count, end) {
  while (Date.now() < end) {
    const chosen = NAMES.extra.filter(() => Math.random() < 0.5)
    const forwards = chosen.map((name) => {
      const description = Math.random() < 0.5 ? `edit ${count.edits}` : 'as ever'
      return [name, { ...forward(one(['shaken', 'steady']), name), description }]
    })
    if (Math.random() < 0.1) write({}, 'forwards: { broken: [')
    else write(Object.fromEntries(forwards))
    count.edits += 1
    await sleep(between(500, 4_000))
  }
}

/** Short connections through whatever forward; those of the shaken host may be cut, none may bring wrong bytes. */
async function load({ ports }, count, end) {
  const names = [...NAMES.shaken, ...NAMES.steady, ...NAMES.extra]
  while (Date.now() < end) {
    const how = await exchange(ports[one(names)], between(1, 300_000), 30_000)
    count[how] += 1
    await sleep(between(5, 60))
  }
}

function measure(pid) {
  const [, kib] = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return { mib: Math.round(Number(kib) / 1024), files: readdirSync(`/proc/${pid}/fd`).length }
}

/** How much more is in use in the second half; the first tenth is for what is loaded once. */
function growth(live) {
  const looks = live.slice(Math.ceil(live.length / 10))
  const half = Math.floor(looks.length / 2)
  return median(looks.slice(half)) - median(looks.slice(0, half))
}

/** The medians of each. */
function fifths(looks) {
  const size = Math.max(1, Math.ceil(looks.length / 5))
  const parts = Array.from({ length: 5 }, (_, index) => looks.slice(index * size, (index + 1) * size))
  return parts.map((part) => median(part).toFixed(1)).join(', ')
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? 0
}

function between(least, most) {
  return Math.round(least + Math.random() * (most - least))
}

function one(list) {
  return list[Math.floor(Math.random() * list.length)]
}

function format({ ok, count, before, after, memory, isUp, survived, streams, streamed, reconnects }) {
  const lines = [
    `| ran | ${values.minutes} minutes${ok ? '' : ', **missed**'} |`,
    `| faults, edits | ${count.faults}, ${count.edits} |`,
    `| reconnects of the host with faults | ${reconnects} |`,
    `| in the end everything is up | ${isUp ? 'yes' : '**no**'} |`,
    `| streams through the host without faults | ${survived} of ${streams} survived, ${(streamed / 1e6).toFixed(0)} MB compared |`,
    `| short connections | ${count.equal} equal, ${count.cut} cut or refused, ${count.late} not done in 30 s, ${count.wrong} wrong |`,
    `| memory in use after a collection, in each fifth of the time | ${fifths(memory.live)} MiB |`,
    `| memory of the process, in each fifth | ${fifths(memory.whole)} MiB |`,
    `| memory of the process before and after | ${before.mib} MiB, ${after.mib} MiB |`,
    `| descriptors before and after | ${before.files}, ${after.files} |`,
  ]
  return `${['| soak | |', '| --- | --- |', ...lines].join('\n')}\n\n`
}
