// A host to connect to, and the ends of a channel, for the tests of src/ssh.

import { randomBytes } from 'node:crypto'
import { setMaxListeners } from 'node:events'
import type { Duplex } from 'node:stream'
import type { Carrier } from '../../src/forward/carrier.ts'
import { type Problem, problemOf } from '../../src/model/problem.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import { type ConnectOptions, connect } from '../../src/ssh/connect.ts'
import { atEnd } from '../helpers/cleanup.ts'
import type { Sshd } from '../helpers/sshd.ts'

export const NEVER = new AbortController().signal
setMaxListeners(0, NEVER)
export const NOBODY = { address: '127.0.0.1', port: 4321 }

/** As resolve/ makes it for a server of a test: its key, its known_hosts, nothing of this machine. */
export function hostFor(server: Sshd, change: Partial<WantedHost> = {}): WantedHost {
  return plainHost(server.port, {
    user: server.user,
    identityFiles: [server.identityFile],
    userKnownHostsFiles: [server.knownHostsFile],
    ...change,
  })
}

/** Nothing of this machine: no key, no known_hosts. */
export function plainHost(port: number, change: Partial<WantedHost> = {}): WantedHost {
  return {
    name: 'acme',
    hostname: '127.0.0.1',
    port,
    user: 'deploy',
    originalName: '127.0.0.1',
    jump: null,
    proxyCommand: null,
    certificateFiles: [],
    password: null,
    passphrase: null,
    identityFiles: [],
    identitiesOnly: true,
    identitiesNamed: true,
    agent: null,
    strictHostKeyChecking: 'ask',
    userKnownHostsFiles: [],
    globalKnownHostsFiles: [],
    hashKnownHosts: false,
    numberOfPasswordPrompts: 3,
    hostKeyAlias: null,
    hostKeys: null,
    connectTimeoutMs: 20_000,
    serverAliveIntervalMs: 15_000,
    serverAliveCountMax: 3,
    compression: false,
    ciphers: null,
    macs: null,
    kexAlgorithms: null,
    hostKeyAlgorithms: null,
    pubkeyAcceptedAlgorithms: null,
    preferredAuthentications: null,
    bindAddress: null,
    bindInterface: null,
    addressFamily: 'any',
    reconnect: { initialMs: 500, maxMs: 30_000, attempts: Number.POSITIVE_INFINITY },
    ...change,
  }
}

/** Closed after the test. */
export async function open(host: WantedHost, options: Partial<ConnectOptions> = {}): Promise<Carrier> {
  const carrier = await connect(host, { signal: NEVER, ...options })
  atEnd(() => carrier.close())
  return carrier
}

/** The problem with which `work` rejects; it must reject. */
export async function problemFrom(work: Promise<unknown>): Promise<Problem> {
  try {
    await work
  } catch (error) {
    return problemOf(error)
  }
  throw new Error('It did not fail.')
}

/** Writes `content`, ends, and reads until the end of the other side. */
export async function exchange(stream: Duplex, content: Buffer): Promise<Buffer> {
  stream.end(content)
  return readAll(stream)
}

export async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks)
}

export const tenMegabytes = randomBytes(10 * 1024 * 1024)
