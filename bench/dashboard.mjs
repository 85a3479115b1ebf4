// @ts-check
// What looking costs: 20 forwards with traffic, and the processor time of the supervisor, of `tunnels dashboard` with its
// page open in Chromium, and of `tunnels status --watch` on a terminal. Prints a table; takes BENCH_SECONDS (60) three times.

import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { cpus, loadavg } from 'node:os'
import { setTimeout as delay } from 'node:timers/promises'
import { chromium } from 'playwright-core'
import { MAIN, projectEnv, startProject, tunnelsHost, writeProject } from './contenders.mjs'
import { freePort, startSshd } from './sshd.mjs'
import { cpuMs, openStage, withChildren } from './stage.mjs'

const SECONDS = Number(process.env.BENCH_SECONDS ?? 60)
const FORWARDS = 20
const HOSTS = 4
/** Of each forward, each way. */
const CHUNK = { bytes: 5_000, everyMs: 100 }
/** What starting costs is over by then. */
const SETTLE_MS = 10_000

/** What has come back. */
let cameBack = 0

const stage = openStage()
try {
  const { pid, file } = await startForwards()
  const alone = await measure({ supervisor: [pid] })
  const dashboard = await startDashboard(file)
  const looking = await measure({ supervisor: [pid], dashboard: [dashboard.pid], ...dashboard.browser() })
  await dashboard.stop()
  const watch = startWatch(file)
  const watching = await measure({ supervisor: [pid], watch: await watch.pids() })
  print({ alone, looking, watching })
} finally {
  await stage.close()
}

/** Each forward has one connection, on which as much goes up as comes down. */
async function startForwards() {
  const sshd = await startSshd(stage.folder)
  stage.stops.push(sshd.stop)
  const echo = createServer((socket) => void socket.on('error', () => {}).pipe(socket))
  await new Promise((resolve) => echo.listen(0, '127.0.0.1', () => resolve(undefined)))
  stage.stops.push(() => void echo.close())
  const { port } = /** @type {import('node:net').AddressInfo} */ (echo.address())
  const ports = []
  while (ports.length < FORWARDS) ports.push(await freePort())
  const content = {
    hosts: Object.fromEntries(Array.from({ length: HOSTS }, (_, at) => [`host-${at}`, tunnelsHost(sshd)])),
    forwards: Object.fromEntries(
      ports.map((local, at) => [
        `service-${at}`,
        { via: `host-${at % HOSTS}`, local: `127.0.0.1:${local}`, to: `127.0.0.1:${port}` },
      ]),
    ),
  }
  const { pid } = startProject(stage, 'looked-at', content)
  const chunk = Buffer.alloc(CHUNK.bytes, 'x')
  for (const local of ports) {
    const socket = await connected(local)
    socket.on('data', ({ length }) => {
      cameBack += length
    })
    const timer = setInterval(() => socket.write(chunk), CHUNK.everyMs)
    stage.stops.push(() => {
      clearInterval(timer)
      socket.destroy()
    })
  }
  return { pid, file: writeProject(stage, 'looked-at', content) }
}

/** @param {number} port @returns {Promise<import('node:net').Socket>} */
async function connected(port) {
  for (let left = 300; left > 0; left--) {
    const socket = connect(port, '127.0.0.1')
    const isOpen = await new Promise((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
    })
    if (isOpen) return socket.on('error', () => {})
    await delay(100)
  }
  throw new Error(`nothing listens on ${port}`)
}

/** @param {string} file */
async function startDashboard(file) {
  const child = spawn(process.execPath, [MAIN, '-f', file, 'dashboard'], {
    env: { ...process.env, ...projectEnv(stage) },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  stage.stops.push(() => child.kill())
  const url = await new Promise((resolve) =>
    child.stdout.once('data', (said) => resolve(String(said).trim())),
  )
  // As test/helpers/chromium.ts starts it.
  const browser = await chromium.launch({
    executablePath: process.env.TUNNELS_CHROMIUM ?? '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-dev-shm-usage', '--disable-gpu'],
    timeout: 90_000,
  })
  stage.stops.push(() => browser.close())
  const page = await browser.newPage({ viewport: { width: 1600, height: 1000 } })
  await page.goto(url)
  await page
    .locator('tr[data-state="open"]')
    .nth(FORWARDS - 1)
    .waitFor({ timeout: 60_000 })
  return {
    pid: Number(child.pid),
    browser: () => {
      const all = withDescendants(process.pid).filter((each) => wordsOf(each).includes('--headless'))
      const renderer = withDescendants(process.pid).filter((each) =>
        wordsOf(each).includes('--type=renderer'),
      )
      return { renderer, 'all of Chromium': [...new Set([...all.flatMap(withDescendants), ...renderer])] }
    },
    stop: async () => {
      await browser.close()
      child.kill('SIGINT')
    },
  }
}

/** On a terminal, by script(1), at which nobody looks. @param {string} file */
function startWatch(file) {
  const command = `stty rows 40 cols 140; exec ${process.execPath} ${MAIN} -f ${file} status --watch`
  const child = spawn('script', ['-qfec', command, '/dev/null'], {
    env: { ...process.env, ...projectEnv(stage), TERM: 'xterm-256color' },
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  stage.stops.push(() => child.kill())
  return {
    pids: async () => {
      await delay(SETTLE_MS)
      const all = withDescendants(Number(child.pid)).filter((pid) => wordsOf(pid).includes('--watch'))
      return all.filter((pid) => !wordsOf(pid).startsWith('script'))
    },
  }
}

/**
 * Per cent of one core of each, over BENCH_SECONDS, and how much came back through each forward meanwhile.
 * @param {Record<string, number[]>} who
 */
async function measure(who) {
  await delay(SETTLE_MS)
  const look = () =>
    Object.entries(who).map(([name, pids]) => ({ name, ms: pids.reduce((sum, pid) => sum + cpuMs(pid), 0) }))
  const [before, bytes, begin] = [look(), cameBack, performance.now()]
  await delay(SECONDS * 1_000)
  const [after, took] = [look(), performance.now() - begin]
  const shares = after.map(({ name, ms }, at) => [name, ((ms - Number(before[at]?.ms)) / took) * 100])
  return { ...Object.fromEntries(shares), kibPerSecond: (cameBack - bytes) / 1.024 / took / FORWARDS }
}

/** @param {number} pid @returns {number[]} */
function withDescendants(pid) {
  const [, ...children] = withChildren(pid)
  return [pid, ...children.flatMap(withDescendants)]
}

/** @param {number} pid */
function wordsOf(pid) {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8').replaceAll('\0', ' ')
  } catch {
    return ''
  }
}

/** @param {Record<'alone' | 'looking' | 'watching', Record<string, number>>} measured */
function print({ alone, looking, watching }) {
  const percent = (/** @type {number | undefined} */ share) => `${Number(share).toFixed(1)} %`
  const row = (/** @type {string} */ name, /** @type {number | undefined} */ share) =>
    `| ${name} | ${percent(share)} |`
  const lines = [
    `| ${FORWARDS} forwards over ${HOSTS} hosts, ${looking.kibPerSecond?.toFixed(0)} KiB/s each way on each | of a core |`,
    '| --- | ---: |',
    row('supervisor, nobody looks', alone.supervisor),
    row('supervisor, a page of the dashboard is open', looking.supervisor),
    row('`tunnels dashboard`', looking.dashboard),
    row("the page's renderer", looking.renderer),
    row('all of Chromium', looking['all of Chromium']),
    row('supervisor, `status --watch` runs', watching.supervisor),
    row('`tunnels status --watch`', watching.watch),
  ]
  const machine = `Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}`
  const load = loadavg()[0]?.toFixed(1)
  process.stdout.write(
    `${lines.join('\n')}\n\nOver ${SECONDS} s each, after ${SETTLE_MS / 1_000} s, from /proc/PID/stat; ${machine}, load average ${load}.\n`,
  )
}
