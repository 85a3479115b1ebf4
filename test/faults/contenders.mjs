// Who is compared: `tunnels up`, `ssh -N` and `autossh -M 0`, each with a server of its own and the same keepalive, so
// that nobody's trouble is another's.

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../bench/sshd.mjs'
import { descendantsOf, isAnswered, openStream, until } from './watching.mjs'

export const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))

export const hasAutossh = () => spawnSync('autossh', ['-V']).status === 0

/**
 * A project with one forward `echo` through the host `far`, and nine more through `steady`, a server that no fault
 * reaches. Runs in the foreground, told of in `events`.
 */
export async function tunnels(lab, server, options = {}) {
  const { echo, alive = [5, 3], hosts = {}, forwards = {}, hostname, others = true } = options
  const folder = join(lab.folder, 'project')
  mkdirSync(folder)
  const port = await freePort()
  const steady = others ? await steadyForwards(lab) : { hosts: {}, forwards: {}, ports: [] }
  const far = { ...hostOf(server, alive), ...(hostname && { hostname }) }
  const all = { ...forwards, echo: { via: 'far', local: `127.0.0.1:${port}`, to: `127.0.0.1:${echo}` } }
  const project = { hosts: { ...hosts, far, ...steady.hosts }, forwards: { ...all, ...steady.forwards } }
  writeFileSync(join(folder, 'tunnels.yaml'), JSON.stringify(project))
  const env = {
    TUNNELS_RUNTIME_DIR: join(folder, 'run'),
    TUNNELS_STATE_DIR: join(folder, 'state'),
    HOME: folder,
  }
  const args = ['-f', join(folder, 'tunnels.yaml'), 'up', '--json', '--trust']
  const startedAt = Date.now()
  const child = lab.start(process.execPath, [MAIN, ...args], env)
  const events = () =>
    child.said
      .split('\n')
      .filter((line) => line.startsWith('{') && line.endsWith('}'))
      .map((line) => ({ ...JSON.parse(line), at: Date.parse(JSON.parse(line).time) }))
  const states = (name, since) =>
    events().filter((event) => event.event === 'state' && event.name === name && event.at >= since)
  if (others) await Promise.all(steady.ports.map((other) => until(() => isAnswered(other), 60_000)))
  const streams = steady.ports.map((other) => openStream(other))
  return {
    name: 'tunnels',
    port,
    server,
    startedAt,
    streams,
    pids: () => [child.pid],
    states,
    noticedAt: (since) => states('far', since).find(({ state }) => state !== 'open')?.at ?? null,
    isGone: () => child.endedAt ?? null,
    reconnects: (since) => states('far', since).filter(({ state }) => state === 'open').length,
    said: () => child.said,
    othersAreWell: () => streams.every(({ state, received }) => state === 'open' && received > 0),
  }
}

async function steadyForwards(lab) {
  const server = await lab.sshd({ here: true })
  const echo = await lab.echoHere()
  const ports = await Promise.all(Array.from({ length: 9 }, freePort))
  const entries = ports.map((port, index) => [
    `other-${index + 1}`,
    { via: 'steady', local: `127.0.0.1:${port}`, to: `127.0.0.1:${echo}` },
  ])
  return { hosts: { steady: hostOf(server, [5, 3]) }, forwards: Object.fromEntries(entries), ports }
}

export function hostOf(server, [interval, countMax]) {
  return {
    hostname: server.address,
    port: server.port,
    user: server.user,
    identity_file: server.identity,
    identities_only: true,
    host_keys: [server.fingerprint],
    ssh_config: false,
    server_alive_interval: interval,
    server_alive_count_max: countMax,
  }
}

export async function ssh(lab, server, options = {}) {
  const port = await freePort()
  const child = lab.start('ssh', sshArgs(server, port, options))
  const noticedAt = (since) => (child.endedAt && child.endedAt >= since ? child.endedAt : null)
  return {
    name: 'ssh',
    port,
    server,
    pids: () => [child.pid],
    noticedAt,
    isGone: () => child.endedAt ?? null,
    said: () => child.said,
  }
}

export async function autossh(lab, server, options = {}) {
  const port = await freePort()
  // By default a first ssh that ends within 30 s is a reason to give up.
  const env = options.isFirst ? {} : { AUTOSSH_GATETIME: '0' }
  const child = lab.start('autossh', ['-M', '0', ...sshArgs(server, port, options)], env)
  let pid = null
  const changes = []
  const timer = setInterval(() => {
    const [now = null] = child.endedAt ? [] : descendantsOf(child.pid)
    if (pid !== null && now !== pid) changes.push(Date.now())
    pid = now
    if (child.endedAt) clearInterval(timer)
  }, 50)
  return {
    name: 'autossh',
    port,
    server,
    pids: () => [child.pid, ...descendantsOf(child.pid)],
    noticedAt: (since) => changes.find((at) => at >= since) ?? null,
    isGone: () => child.endedAt ?? null,
    said: () => child.said,
  }
}

function sshArgs(server, port, { echo, alive = [5, 3], hostname, remote }) {
  const options = {
    BatchMode: 'yes',
    UserKnownHostsFile: server.known,
    IdentitiesOnly: 'yes',
    ServerAliveInterval: alive[0],
    ServerAliveCountMax: alive[1],
    ConnectTimeout: 10,
    ...(hostname && { StrictHostKeyChecking: 'no' }),
    ...(remote && { ExitOnForwardFailure: 'yes' }),
  }
  const words = Object.entries(options).flatMap(([name, value]) => ['-o', `${name}=${value}`])
  const forwards = ['-L', `127.0.0.1:${port}:127.0.0.1:${echo}`, ...(remote ? ['-R', remote] : [])]
  const whom = [
    '-i',
    server.identity,
    '-p',
    String(server.port),
    `${server.user}@${hostname ?? server.address}`,
  ]
  return ['-F', '/dev/null', '-N', ...words, ...forwards, ...whom]
}
