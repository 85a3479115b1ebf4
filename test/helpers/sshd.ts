// A real OpenSSH server of a test's own: its folder, port, host keys and user key, on loopback. Finding the
// program is scripts/sshd.mjs; what an account or a firewall may do to it is left to the machine.

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { findSshd } from '../../scripts/sshd.mjs'
import { atEnd } from './cleanup.ts'
import { eventually } from './eventually.ts'
import { testFolder } from './folder.ts'
import { freePort, hasIpv6 } from './ports.ts'
import { descendantsOf, isAlive } from './processes.ts'

export type KeyType = 'ed25519' | 'rsa' | 'ecdsa'

export interface SshdOptions {
  /** Lines of sshd_config, put first so that they win. */
  config?: string[]
  /** Default: ed25519 alone. */
  hostKeys?: KeyType[]
  /** Lines of authorized_keys instead of the user key made here. `authorizedKeysFile` may be rewritten at any time, too. */
  authorizedKeys?: string[]
  port?: number
}

export interface Sshd {
  readonly port: number
  readonly user: string
  readonly folder: string
  /** An ed25519 private key without a passphrase that may log in. */
  readonly identityFile: string
  readonly publicKey: string
  readonly authorizedKeysFile: string
  /** Knows this server as 127.0.0.1, localhost and ::1, each with its port. */
  readonly knownHostsFile: string
  /** `SHA256:…` of the first host key. */
  readonly hostKeyFingerprint: string
  /** Public key lines, in the order of `hostKeys`. */
  readonly hostPublicKeys: string[]
  /** Everything that it has said, restarts included. */
  log(): string
  /** Accepted public keys, ever. */
  logins(): number
  /** TCP connections, ever. */
  connections(): number
  /** The process of each connection that is open now. */
  sessions(): number[]
  /** Ends the connections as a crash would; the server goes on. */
  killSessions(): Promise<void>
  /** Ends it and its connections. Idempotent; done by itself after the test. */
  stop(): Promise<void>
  /** As `stop`, then starts it again with the same port and keys. */
  restart(): Promise<void>
}

const run = promisify(execFile)

/** Resolves when it listens. Throws with its log when it does not. Stopped after the test (or the file). */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = testFolder().path
  const keys = await makeKeys(folder, options)
  for (let attempt = 1; ; attempt++) {
    const port = options.port ?? (await freePort())
    const server = new RunningSshd(folder, port, keys, options)
    atEnd(() => server.stop())
    try {
      await server.start()
      return server
    } catch (error) {
      await server.stop()
      if (options.port !== undefined || attempt === 5 || !/Address already in use/.test(server.log()))
        throw error
    }
  }
}

interface Keys {
  identityFile: string
  publicKey: string
  authorizedKeysFile: string
  hostKeyFiles: string[]
  hostPublicKeys: string[]
  hostKeyFingerprint: string
}

class RunningSshd implements Sshd {
  readonly user = userInfo().username
  readonly folder: string
  readonly port: number
  readonly identityFile: string
  readonly publicKey: string
  readonly authorizedKeysFile: string
  readonly knownHostsFile: string
  readonly hostKeyFingerprint: string
  readonly hostPublicKeys: string[]
  #config: string
  #child: ChildProcess | null = null
  #log = ''

  constructor(folder: string, port: number, keys: Keys, options: SshdOptions) {
    this.folder = folder
    this.port = port
    this.identityFile = keys.identityFile
    this.publicKey = keys.publicKey
    this.authorizedKeysFile = keys.authorizedKeysFile
    this.hostPublicKeys = keys.hostPublicKeys
    this.hostKeyFingerprint = keys.hostKeyFingerprint
    this.knownHostsFile = join(folder, 'known_hosts')
    writeFileSync(this.knownHostsFile, formatKnownHosts(port, keys.hostPublicKeys), { mode: 0o600 })
    this.#config = formatConfig(port, keys, options.config ?? [])
  }

  log = (): string => this.#log
  logins = (): number => count(this.#log, /^Accepted publickey /gm)
  connections = (): number => count(this.#log, /^Connection from /gm)
  sessions = (): number[] => (this.#child?.pid ? descendantsOf(this.#child.pid, 1) : [])

  async start(): Promise<void> {
    const ipv6 = await hasIpv6()
    const config = ipv6 ? this.#config : this.#config.replace(/^ListenAddress \[::1\].*$/m, '')
    const file = join(this.folder, 'sshd_config')
    writeFileSync(file, config, { mode: 0o600 })
    const before = this.#log.length
    this.#child = this.#spawn(file)
    await eventually(() => this.#isListening(before, ipv6 ? 2 : 1))
  }

  async killSessions(): Promise<void> {
    await killAll(this.#child?.pid ? descendantsOf(this.#child.pid) : [])
  }

  async stop(): Promise<void> {
    const child = this.#child
    if (!child?.pid) return
    this.#child = null
    const sessions = descendantsOf(child.pid)
    await killAll([...(child.exitCode === null && child.signalCode === null ? [child.pid] : []), ...sessions])
  }

  async restart(): Promise<void> {
    await this.stop()
    await this.start()
  }

  #spawn(config: string): ChildProcess {
    const program = findSshd()
    if (!program) throw new Error('There is no sshd on this machine. Run `node scripts/sshd.mjs` first.')
    const child = spawn(program.path, ['-D', '-e', '-f', config], {
      env: { ...process.env, ...program.env },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text.replaceAll('\r\n', '\n')
    })
    child.on('error', (error) => {
      this.#log += `${error.message}\n`
    })
    return child
  }

  #isListening(before: number, addresses: number): boolean {
    const said = this.#log.slice(before)
    const child = this.#child
    const ended = child === null || child.exitCode !== null || child.signalCode !== null
    if (ended || /Bind to port .* failed/.test(said)) throw new Error(`sshd did not start:\n${this.#log}`)
    return count(said, /^Server listening on /gm) >= addresses
  }
}

async function makeKeys(folder: string, options: SshdOptions): Promise<Keys> {
  const types = options.hostKeys ?? ['ed25519']
  const hostKeyFiles = types.map((type) => join(folder, `host_${type}`))
  const identityFile = join(folder, 'id_ed25519')
  await Promise.all([
    makeKey(identityFile, 'ed25519'),
    ...types.map((type, index) => makeKey(hostKeyFiles[index]!, type)),
  ])
  const publicKey = readFileSync(`${identityFile}.pub`, 'utf8').trim()
  const authorizedKeysFile = join(folder, 'authorized_keys')
  writeFileSync(authorizedKeysFile, `${(options.authorizedKeys ?? [publicKey]).join('\n')}\n`, {
    mode: 0o600,
  })
  const hostPublicKeys = hostKeyFiles.map((file) => readFileSync(`${file}.pub`, 'utf8').trim())
  const { stdout } = await run('ssh-keygen', ['-l', '-E', 'sha256', '-f', `${hostKeyFiles[0]}.pub`])
  const hostKeyFingerprint = stdout.split(' ')[1]!
  return { identityFile, publicKey, authorizedKeysFile, hostKeyFiles, hostPublicKeys, hostKeyFingerprint }
}

/** A key pair in OpenSSH's format at `path` and `path.pub`. */
export async function makeKey(path: string, type: KeyType, passphrase = ''): Promise<void> {
  const bits = type === 'rsa' ? ['-b', '2048'] : []
  await run('ssh-keygen', ['-q', '-t', type, ...bits, '-N', passphrase, '-C', 'tunnels-test', '-f', path])
}

function formatConfig(port: number, keys: Keys, first: string[]): string {
  const ours = findSshd()?.config ?? []
  return `${[
    ...first,
    ...ours,
    `ListenAddress 127.0.0.1:${port}`,
    `ListenAddress [::1]:${port}`,
    ...keys.hostKeyFiles.map((file) => `HostKey ${file}`),
    `AuthorizedKeysFile ${keys.authorizedKeysFile}`,
    'StrictModes no',
    'UsePAM no',
    'PermitRootLogin yes',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PidFile none',
    'LogLevel VERBOSE',
    'MaxStartups 500:30:1000',
    'MaxSessions 100',
    'UseDNS no',
    'PrintMotd no',
    'Subsystem sftp internal-sftp',
  ].join('\n')}\n`
}

function formatKnownHosts(port: number, publicKeys: string[]): string {
  const names = ['127.0.0.1', 'localhost', '::1'].map((host) => (port === 22 ? host : `[${host}]:${port}`))
  return publicKeys.map((key) => `${names.join(',')} ${key}\n`).join('')
}

async function killAll(pids: number[]): Promise<void> {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL')
    } catch {
      // Gone already.
    }
  }
  await eventually(() => !pids.some(isAlive))
}

function count(text: string, pattern: RegExp): number {
  return text.match(pattern)?.length ?? 0
}

/** sshd as root refuses to start without its empty folder, which only its service makes. */
if (process.platform === 'linux' && process.getuid?.() === 0 && !existsSync('/run/sshd')) {
  mkdirSync('/run/sshd', { recursive: true, mode: 0o755 })
}
