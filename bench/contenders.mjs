// @ts-check
// `ssh` and `tunnels` with the same forwards through the same sshd: how each is started, and where each can be
// reached. ssh has its defaults, but for what a bench needs to log in without a person.

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from './sshd.mjs'

export const MAIN = fileURLToPath(new URL('../dist/main.js', import.meta.url))

/** @typedef {import('./stage.mjs').Stage} Stage */
/** @typedef {Awaited<ReturnType<typeof import('./sshd.mjs').startSshd>>} Sshd */
/** @typedef {{ source: number, sink: number, echo: number }} Far */
/** @typedef {{ port: number, socks?: number }} Way */
/** @typedef {{ pid: number | null, local: Record<keyof Far, Way>, remote: Record<keyof Far, Way>, socks: Record<keyof Far, Way>, stop: () => Promise<void> }} Contender */

/** No tunnel at all: what this machine can do. @param {Far} far @returns {Contender} */
export function loopback(far) {
  const ways = waysTo(far)
  return { pid: null, local: ways, remote: ways, socks: ways, stop: async () => {} }
}

/**
 * @param {Stage} stage
 * @param {Sshd} sshd
 * @param {Far} far
 * @param {{ port?: number, jump?: boolean, options?: string[] }} [how] `port`: of a relay before the sshd
 * @returns {Promise<Contender>}
 */
export async function startSsh(stage, sshd, far, { port = sshd.port, jump = false, options = [] } = {}) {
  const near = await nearPorts()
  const names = /** @type {(keyof Far)[]} */ (Object.keys(far))
  const forwards = names.flatMap((name) => [
    ...['-L', `127.0.0.1:${near.local[name]}:127.0.0.1:${far[name]}`],
    ...['-R', `127.0.0.1:${near.remote[name]}:127.0.0.1:${far[name]}`],
  ])
  const way = jump ? ['-J', `bench:${port}`] : []
  const { pid, stop } = stage.start('ssh', [
    ...sshArgs(stage, sshd),
    ...options,
    ...way,
    ...forwards,
    ...['-D', `127.0.0.1:${near.socks}`, '-p', String(port), 'bench'],
  ])
  return contender(pid, near, far, stop)
}

/** What each ssh of the bench is started with. @param {Stage} stage @param {Sshd} sshd */
export function sshArgs({ folder }, sshd) {
  const file = join(folder, 'ssh_config')
  const lines = [
    'Host bench',
    '  Hostname 127.0.0.1',
    '  HostKeyAlias bench',
    `  User ${sshd.user}`,
    `  IdentityFile ${sshd.identityFile}`,
    `  UserKnownHostsFile ${sshd.knownHostsFile}`,
    '  BatchMode yes',
  ]
  writeFileSync(file, `${lines.join('\n')}\n`)
  return ['-F', file, '-N']
}

/**
 * @param {Stage} stage
 * @param {Sshd} sshd
 * @param {Far} far
 * @param {{ port?: number, jump?: boolean, options?: object }} [how]
 * @returns {Promise<Contender>}
 */
export async function startTunnels(stage, sshd, far, { port = sshd.port, jump = false, options = {} } = {}) {
  const near = await nearPorts()
  const names = /** @type {(keyof Far)[]} */ (Object.keys(far))
  const forwards = names.flatMap((name) => [
    [name, { local: `127.0.0.1:${near.local[name]}`, to: `127.0.0.1:${far[name]}` }],
    [`far-${name}`, { remote: `127.0.0.1:${near.remote[name]}`, to: `127.0.0.1:${far[name]}` }],
  ])
  const host = { ...tunnelsHost(sshd, port), ...options }
  const { pid, stop } = startProject(stage, `up-${near.socks}`, {
    hosts: { hop: tunnelsHost(sshd, port), bench: { ...host, ...(jump && { proxy_jump: 'hop' }) } },
    // As many as ssh takes: no limit of its own.
    defaults: { forwards: { via: 'bench', max_connections: 10_000 } },
    forwards: { ...Object.fromEntries(forwards), socks: { dynamic: `127.0.0.1:${near.socks}` } },
  })
  return contender(pid, near, far, stop)
}

/** The same host, key and user as for ssh. @param {Sshd} sshd */
export function tunnelsHost(sshd, port = sshd.port) {
  const { user, identityFile, fingerprint } = sshd
  const key = { identity_file: identityFile, identities_only: true, host_keys: [fingerprint] }
  return { hostname: '127.0.0.1', port, user, ssh_config: false, ...key }
}

/** @param {Stage} stage @param {string} name @param {object} content */
export function startProject(stage, name, content) {
  const file = writeProject(stage, name, content)
  return stage.start(process.execPath, [MAIN, '-f', file, 'up', '--no-watch', '--trust'], projectEnv(stage))
}

/** @param {Stage} stage @param {string} name @param {object} content */
export function writeProject({ folder }, name, content) {
  const file = join(folder, `${name}.yaml`)
  writeFileSync(file, JSON.stringify({ name, ...content }), { mode: 0o600 })
  return file
}

/** @param {Stage} stage */
export function projectEnv({ folder }) {
  return { TUNNELS_RUNTIME_DIR: join(folder, 'run'), TUNNELS_STATE_DIR: join(folder, 'state') }
}

async function nearPorts() {
  const three = async () => ({ source: await freePort(), sink: await freePort(), echo: await freePort() })
  return { local: await three(), remote: await three(), socks: await freePort() }
}

/**
 * @param {number} pid
 * @param {Awaited<ReturnType<typeof nearPorts>>} near
 * @param {Far} far
 * @param {() => Promise<void>} stop
 * @returns {Contender}
 */
function contender(pid, near, far, stop) {
  return { pid, local: waysTo(near.local), remote: waysTo(near.remote), socks: waysTo(far, near.socks), stop }
}

/** @param {Far} ports @param {number} [socks] */
function waysTo({ source, sink, echo }, socks) {
  const way = (/** @type {number} */ port) => (socks === undefined ? { port } : { port, socks })
  return { source: way(source), sink: way(sink), echo: way(echo) }
}
