// @ts-check
// One sshd on loopback with keys of its own, for the whole bench.

import { execFileSync, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { ensureSshd } from '../scripts/sshd.mjs'

/**
 * Resolves when it listens. The caller stops it.
 * @param {string} folder where its keys go
 */
export async function startSshd(folder) {
  const port = await freePort()
  const key = (/** @type {string} */ name) => {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, name)])
    return readFileSync(join(folder, `${name}.pub`), 'utf8')
  }
  const hostKey = key('host')
  writeFileSync(join(folder, 'authorized_keys'), key('id'))
  // By one name, whichever port or relay leads to it.
  writeFileSync(join(folder, 'known_hosts'), `bench ${hostKey}`)
  const fingerprint = execFileSync('ssh-keygen', ['-lf', join(folder, 'host.pub')], { encoding: 'utf8' })
  const program = ensureSshd()
  writeFileSync(join(folder, 'sshd_config'), formatConfig(folder, port, program.config))
  if (process.getuid?.() === 0 && process.platform === 'linux' && !existsSync('/run/sshd'))
    mkdirSync('/run/sshd')
  const child = spawn(program.path, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    env: { ...process.env, ...program.env },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  await listening(child)
  return {
    port,
    user: userInfo().username,
    identityFile: join(folder, 'id'),
    knownHostsFile: join(folder, 'known_hosts'),
    fingerprint: String(fingerprint.split(' ')[1]),
    stop: () => child.kill(),
  }
}

/** A port that is free now, and below those that the system gives to outgoing connections: it stays free. */
export async function freePort() {
  for (;;) {
    const port = 10_000 + Math.floor(Math.random() * 22_000)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await new Promise((resolve) => {
      server.once('listening', () => resolve(true)).once('error', () => resolve(false))
    })
    await new Promise((resolve) => server.close(resolve))
    if (isFree && !given.has(port)) {
      given.add(port)
      return port
    }
  }
}

/** @type {Set<number>} */
const given = new Set()

/**
 * @param {string} folder
 * @param {number} port
 * @param {string[]} more
 */
function formatConfig(folder, port, more) {
  const lines = [
    `ListenAddress 127.0.0.1:${port}`,
    `HostKey ${join(folder, 'host')}`,
    'PidFile none',
    'UsePAM no',
  ]
  const access = [
    `AuthorizedKeysFile ${join(folder, 'authorized_keys')}`,
    'StrictModes no',
    'PermitRootLogin yes',
    // The default drops some of fifty logins at once, and fails them at random.
    'MaxStartups 500',
    'MaxSessions 500',
  ]
  return `${[...more, ...lines, ...access].join('\n')}\n`
}

/** @param {import('node:child_process').ChildProcess} child */
function listening(child) {
  return new Promise((resolve, reject) => {
    let said = ''
    child.stderr?.on('data', (/** @type {Buffer} */ chunk) => {
      said += chunk
      if (said.includes('Server listening on')) resolve(undefined)
    })
    child.once('exit', () => reject(new Error(`sshd did not start:\n${said}`)))
  })
}
