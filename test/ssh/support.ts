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
import { host } from '../plan/wanted.ts'

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
  return host('acme', {
    hostname: '127.0.0.1',
    port,
    user: 'deploy',
    originalName: '127.0.0.1',
    identitiesOnly: true,
    identitiesNamed: true,
    connectTimeoutMs: 60_000,
    ...change,
  })
}

/** Closed after the test. */
export async function open(wanted: WantedHost, options: Partial<ConnectOptions> = {}): Promise<Carrier> {
  const carrier = await connect(wanted, { signal: NEVER, ...options })
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

/** While the server says and reads nothing, on any connection that is open by now. */
export async function whileFrozen(server: Sshd, work: () => Promise<unknown>): Promise<void> {
  const sessions = server.sessions()
  for (const pid of sessions) process.kill(pid, 'SIGSTOP')
  try {
    await work()
  } finally {
    for (const pid of sessions) process.kill(pid, 'SIGCONT')
  }
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
