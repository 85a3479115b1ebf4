// @ts-check
// Measures that start and end their own processes: what many forwards cost, and how soon they are there.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  MAIN,
  projectEnv,
  sshArgs,
  startProject,
  startSsh,
  startTunnels,
  tunnelsHost,
  writeProject,
} from './contenders.mjs'
import { freePort } from './sshd.mjs'
import { residentBytes, withChildren } from './stage.mjs'

/** @typedef {import('./measures.mjs').Measure} Measure */
/** @typedef {import('./scenes.mjs').Scene} Scene */

const MIB = 1024 * 1024
const FORWARDS = 50
const IDLE = 2_000

/** In a process of its own each time: what was taken once is not given back, and would cost nothing the next time. @type {Measure} */
export const idleConnections = {
  name: 'idle',
  scene: 'none',
  rounds: 3,
  rows: { each: { title: `memory of each of ${IDLE} idle connections`, unit: 'KiB', better: 'less' } },
  run: async (_contender, { stage, sshd, far, client, memory }, who) => {
    const begin = who === 'ssh' ? startSsh : startTunnels
    const { pid, local, stop } = await begin(stage, sshd, far)
    await client('untilAllAnswer', [local.echo.port], 20_000)
    const before = memory(Number(pid))
    await client('keep', local.echo, IDLE)
    const each = (memory(Number(pid)) - before) / IDLE / 1024
    await client('drop')
    await stop()
    return { each }
  },
}

/** @type {Measure} */
export const footprint = {
  name: 'footprint',
  scene: 'none',
  rounds: 3,
  rows: {
    memory: {
      title: `memory of ${FORWARDS} forwards over 5 hosts`,
      unit: 'MiB',
      better: 'less',
      atMost: 0.3,
    },
    resident: { title: 'the same as ps(1) adds it up', unit: 'MiB', better: 'less', atMost: 0.3 },
  },
  run: async (_contender, scene, who) => {
    const ports = await freePorts(FORWARDS)
    const { pids, stop } = await openAll(scene, who, ports, 5)
    await scene.client('untilAllAnswer', ports, 30_000)
    const all = who === 'tunnels' ? pids : pids.flatMap(withChildren)
    const sum = (/** @type {(pid: number) => number} */ of) => all.reduce((bytes, pid) => bytes + of(pid), 0)
    const [memory, resident] = [sum(scene.memory) / MIB, sum(residentBytes) / MIB]
    await stop()
    return { memory, resident }
  },
}

/** @type {Measure} */
export const openFifty = {
  name: 'open',
  scene: 'none',
  rows: {
    ms: { title: `until ${FORWARDS} forwards over 10 hosts carry`, unit: 'ms', better: 'less', atMost: 0.5 },
  },
  run: async (_contender, scene, who) => {
    const ports = await freePorts(FORWARDS)
    const begin = performance.now()
    const { stop } = await openAll(scene, who, ports, 10)
    await scene.client('untilAllAnswer', ports, 30_000)
    const ms = performance.now() - begin
    await stop()
    return { ms }
  },
}

/** `tunnels status` of a running project beside a Node that does nothing. @type {Measure} */
export const statusTime = {
  name: 'status',
  scene: 'none',
  rows: { ms: { title: '`tunnels status`, against `node -e 0`', unit: 'ms', better: 'less', atMost: 1.6 } },
  run: async (_contender, scene, who) => {
    if (who === 'ssh') return { ms: await wallTime(['-e', '0'], {}) }
    const file = writeProject(scene.stage, 'status', oneForward(scene))
    const env = projectEnv(scene.stage)
    await wallTime([MAIN, '-f', file, 'up', '-d', '--trust'], env)
    const ms = await wallTime([MAIN, '-f', file, 'status'], env)
    await wallTime([MAIN, '-f', file, 'down'], env)
    return { ms }
  },
}

/** One ssh a forward, all at once, or one project. @param {Scene} scene @param {string} who @param {number[]} ports @param {number} hosts */
async function openAll({ stage, sshd, far }, who, ports, hosts) {
  if (who === 'tunnels') {
    const names = Array.from({ length: hosts }, (_, index) => `host-${index}`)
    const forwards = ports.map((port, index) => {
      const forward = { via: names[index % hosts], local: `127.0.0.1:${port}`, to: `127.0.0.1:${far.echo}` }
      return [`forward-${index}`, forward]
    })
    const { pid, stop } = startProject(stage, 'fifty', {
      hosts: Object.fromEntries(names.map((name) => [name, tunnelsHost(sshd)])),
      forwards: Object.fromEntries(forwards),
    })
    return { pids: [pid], stop }
  }
  const args = sshArgs(stage, sshd)
  const started = ports.map((port) => {
    const forward = ['-L', `127.0.0.1:${port}:127.0.0.1:${far.echo}`]
    return stage.start('ssh', [...args, ...forward, '-p', String(sshd.port), 'bench'])
  })
  const stop = async () => void (await Promise.all(started.map((each) => each.stop())))
  return { pids: started.map(({ pid }) => pid), stop }
}

/** @param {Scene} scene */
function oneForward({ sshd, far }) {
  return {
    hosts: { bench: tunnelsHost(sshd) },
    forwards: { echo: { via: 'bench', local: 'auto', to: far.echo } },
  }
}

/** @param {string[]} args @param {Record<string, string>} env */
async function wallTime(args, env) {
  const begin = performance.now()
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: 'ignore' })
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`node ${args.slice(-2).join(' ')} ended with ${code}`)
  return performance.now() - begin
}

/** @param {number} count */
async function freePorts(count) {
  const ports = []
  while (ports.length < count) ports.push(await freePort())
  return ports
}
