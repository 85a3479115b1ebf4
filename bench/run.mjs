// @ts-check
// `ssh -L` and `tunnels up`, in turns, through one sshd on this machine: how fast bytes go and how soon a new
// connection answers. Prints a Markdown table; numbers of different machines, or of different runs, do not compare.

import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { answerTimeMs, receive, send } from './measures.mjs'
import { freePort, startSshd } from './sshd.mjs'

const ROUNDS = Number(process.env.BENCH_ROUNDS ?? 7)
const BYTES = Number(process.env.BENCH_MIB ?? 256) * 1024 * 1024
const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

const folder = mkdtempSync(join(tmpdir(), 'tunnels-bench-'))
/** @type {(() => unknown)[]} */
const stops = [() => rmSync(folder, { recursive: true, force: true })]

try {
  const sshd = await startSshd(folder)
  stops.push(sshd.stop)
  const far = { source: await serve(sourceOf(BYTES)), sink: await serve(count), echo: await serve(echo) }
  const contenders = { ssh: await startSsh(sshd, far), tunnels: await startTunnels(sshd, far) }
  print(await compare(contenders))
} finally {
  for (const stop of stops.reverse()) await stop()
}

/** @typedef {{ source: number, sink: number, echo: number }} Ports */
/** @typedef {Awaited<ReturnType<typeof startSshd>>} Sshd */

/**
 * Each round measures both, the one that goes first changing.
 * @param {{ ssh: Ports, tunnels: Ports }} contenders
 */
async function compare(contenders) {
  const measures = {
    'bulk down, MiB/s': (/** @type {Ports} */ ports) => receive(ports.source, BYTES),
    'bulk up, MiB/s': (/** @type {Ports} */ ports) => send(ports.sink, BYTES),
    'new connection to first byte back, ms (p50)': (/** @type {Ports} */ ports) =>
      answerTimeMs(ports.echo, 200),
  }
  const rows = []
  for (const [name, measure] of Object.entries(measures)) {
    /** @type {{ ssh: number[], tunnels: number[] }} */
    const seen = { ssh: [], tunnels: [] }
    for (const ports of Object.values(contenders)) await measure(ports)
    for (let round = 0; round < ROUNDS; round++) {
      const order = /** @type {('ssh' | 'tunnels')[]} */ (round % 2 ? ['ssh', 'tunnels'] : ['tunnels', 'ssh'])
      for (const who of order) seen[who].push(await measure(contenders[who]))
    }
    const ratios = seen.tunnels.map((value, round) => value / Number(seen.ssh[round]))
    rows.push({ name, ssh: median(seen.ssh), tunnels: median(seen.tunnels), ratios })
  }
  return rows
}

/** @param {{ name: string, ssh: number, tunnels: number, ratios: number[] }[]} rows */
function print(rows) {
  const lines = rows.map(({ name, ssh, tunnels, ratios }) => {
    const range = `${Math.min(...ratios).toFixed(2)}–${Math.max(...ratios).toFixed(2)}`
    return `| ${name} | ${format(ssh)} | ${format(tunnels)} | ${median(ratios).toFixed(2)} | ${range} |`
  })
  const head = [
    '| | `ssh -L` | `tunnels up` | ratio | of all rounds |',
    '| --- | ---: | ---: | ---: | ---: |',
  ]
  const machine = `${ROUNDS} rounds in turns, ${BYTES / 1024 / 1024} MiB each; Node ${process.versions.node}, ${cpus().length} × ${cpus()[0]?.model}`
  process.stdout.write(
    `${[...head, ...lines].join('\n')}\n\n${machine}. Medians; ratio: the median of each round's.\n`,
  )
}

/**
 * @param {Sshd} sshd
 * @param {Ports} far
 */
async function startSsh(sshd, far) {
  const near = await nearPorts()
  const forwards = Object.entries(far).flatMap(([name, port]) => {
    return ['-L', `127.0.0.1:${near[/** @type {keyof Ports} */ (name)]}:127.0.0.1:${port}`]
  })
  const options = [
    '-F',
    '/dev/null',
    '-N',
    '-o',
    'BatchMode=yes',
    '-o',
    `UserKnownHostsFile=${sshd.knownHostsFile}`,
  ]
  const who = ['-i', sshd.identityFile, '-p', String(sshd.port), `${sshd.user}@127.0.0.1`]
  start('ssh', [...options, ...forwards, ...who])
  return answering(near)
}

/**
 * @param {Sshd} sshd
 * @param {Ports} far
 */
async function startTunnels(sshd, far) {
  const near = await nearPorts()
  const file = join(folder, 'tunnels.yaml')
  const pairs = Object.entries(far).map(([name, port]) => {
    const local = `127.0.0.1:${near[/** @type {keyof Ports} */ (name)]}`
    return [name, { via: 'bench', local, to: `127.0.0.1:${port}` }]
  })
  const { port, user } = sshd
  const key = { identity_file: sshd.identityFile, identities_only: true, host_keys: [sshd.fingerprint] }
  const bench = { hostname: '127.0.0.1', port, user, ssh_config: false, ...key }
  writeFileSync(file, JSON.stringify({ hosts: { bench }, forwards: Object.fromEntries(pairs) }), {
    mode: 0o600,
  })
  const env = { TUNNELS_RUNTIME_DIR: join(folder, 'run'), TUNNELS_STATE_DIR: join(folder, 'state') }
  start(process.execPath, [MAIN, '-f', file, 'up', '--no-watch'], env)
  return answering(near)
}

async function nearPorts() {
  return { source: await freePort(), sink: await freePort(), echo: await freePort() }
}

/**
 * Ended, and waited for, with the bench.
 * @param {string} command
 * @param {string[]} args
 * @param {Record<string, string>} [env]
 */
function start(command, args, env) {
  const child = spawn(command, args, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const ended = new Promise((resolve) => child.once('exit', resolve))
  stops.push(() => {
    child.kill()
    return ended
  })
}

/**
 * Resolves with the ports when bytes go through, for 20 s at most.
 * @param {Ports} ports
 */
async function answering(ports) {
  const end = Date.now() + 20_000
  for (;;) {
    try {
      await answerTimeMs(ports.echo, 1)
      return ports
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

/**
 * A server beyond the tunnel; resolves with its port.
 * @param {(socket: import('node:net').Socket) => void} onConnection
 * @returns {Promise<number>}
 */
function serve(onConnection) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  stops.push(() => server.close())
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port)
    })
  })
}

/** @param {number} bytes */
function sourceOf(bytes) {
  const block = Buffer.alloc(1 << 16, 'x')
  return (/** @type {import('node:net').Socket} */ socket) => {
    let left = bytes
    socket.resume()
    const more = () => {
      while (left > 0) {
        left -= block.length
        if (!socket.write(block)) return
      }
      socket.end()
    }
    socket.on('drain', more)
    more()
  }
}

/** @param {import('node:net').Socket} socket */
function count(socket) {
  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
  })
  socket.on('end', () => socket.end(String(bytes)))
}

/** @param {import('node:net').Socket} socket */
function echo(socket) {
  socket.pipe(socket)
}

/** @param {number[]} values */
function median(values) {
  const sorted = [...values].sort((a, b) => a - b)
  return Number(sorted[Math.floor(sorted.length / 2)])
}

/** @param {number} value */
function format(value) {
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}
