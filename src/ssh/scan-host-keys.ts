// Asks a server which host keys it has, as ssh-keyscan(1): a key exchange for each kind of key, and no login. Whether
// they are the right ones nobody has said then.

import type { Duplex } from 'node:stream'
import ssh2, { type Algorithms, type ConnectConfig } from 'ssh2'
import { withDeadline } from '../model/deadline.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { algorithmsFor } from './algorithms.ts'
import { type ConnectOptions, openStream } from './connect.ts'
import { boundServer } from './excess.ts'
import { describeHost } from './host-key-problem.ts'
import { printable } from './printable.ts'

/** One connection each: a server shows one key at a time. */
const KINDS = [
  ['ssh-ed25519'],
  ['ecdsa-sha2-nistp256'],
  ['ecdsa-sha2-nistp384'],
  ['ecdsa-sha2-nistp521'],
  ['rsa-sha2-512', 'rsa-sha2-256'],
]

/** Public key blobs that the server has proven to hold. Rejects with a ProblemError (HOST_*), or the signal's reason. */
export async function scanHostKeys(
  host: WantedHost,
  options: Pick<ConnectOptions, 'openStream' | 'signal'>,
): Promise<Buffer[]> {
  const keys: Buffer[] = []
  for (const kind of KINDS) {
    const signal = withDeadline(options.signal, host.connectTimeoutMs)
    const key = await scanOne(host, kind, options, signal).catch((error) => {
      throw signal.aborted && !options.signal.aborted ? new ProblemError(lateProblem(host)) : error
    })
    if (key) keys.push(key)
  }
  if (keys.length === 0) throw new ProblemError(noneProblem(host))
  return keys
}

async function scanOne(
  host: WantedHost,
  kind: string[],
  options: Pick<ConnectOptions, 'openStream'>,
  signal: AbortSignal,
): Promise<Buffer | null> {
  const algorithms = { ...algorithmsFor(host, new Set()), serverHostKey: kind } as Algorithms
  const stream = await openStream(host, options, signal, { step: 'connecting' })
  try {
    signal.throwIfAborted()
    return await exchangeKeys(host, stream, algorithms, signal)
  } finally {
    stream.destroy()
  }
}

/** Null: it has none of these kinds. */
function exchangeKeys(
  host: WantedHost,
  stream: Duplex,
  algorithms: Algorithms,
  signal: AbortSignal,
): Promise<Buffer | null> {
  const client = new ssh2.Client()
  return new Promise((resolve, reject) => {
    let shown: Buffer | null = null
    const fail = (cause: string) => reject(new ProblemError(brokenProblem(host, cause)))
    signal.addEventListener('abort', () => reject(signal.reason), { once: true })
    stream.on('error', () => {})
    client.on('error', (error) => {
      if (/no matching host key/.test(error.message)) resolve(null)
      else fail(printable(error.message))
    })
    client.on('close', () => fail('the server closed the connection'))
    // The signature over the exchange is right: it holds the key.
    client.once('handshake', () => resolve(shown))
    client.connect({
      sock: stream,
      username: host.user,
      algorithms,
      hostVerifier: (key: Buffer) => {
        shown = Buffer.from(key)
        return true
      },
      authHandler: () => false,
      ident: 'tunnels',
      readyTimeout: 0,
      keepaliveInterval: 0,
    } as unknown as ConnectConfig)
    boundServer(client, stream)
  })
}

function lateProblem(host: WantedHost): Problem {
  return {
    code: 'HOST_TIMEOUT',
    summary: `${describeHost(host)} did not show its keys within ${host.connectTimeoutMs / 1000} s`,
  }
}

function brokenProblem(host: WantedHost, cause: string): Problem {
  return { code: 'HOST_LOST', summary: `${describeHost(host)} did not show its keys: ${cause}` }
}

function noneProblem(host: WantedHost): Problem {
  return {
    code: 'HOST_PROTOCOL',
    summary: `${describeHost(host)} has no host key of a kind that can be checked here`,
  }
}
