// From a byte stream to an authenticated ssh2 client. ssh2 may report one failure twice, or none at all:
// the first terminal cause wins, and `ready` counts only after a host key that we have accepted.

import type { Duplex } from 'node:stream'
import ssh2, { type Algorithms, type AnyAuthMethod, type Client, type ConnectConfig } from 'ssh2'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { Authentication } from './auth.ts'
import { boundServer } from './excess.ts'
import { gatherWrites } from './gather.ts'
import { endedProblem, explain, type Ssh2Error } from './handshake-problem.ts'
import { Heard } from './heard.ts'
import type { HostKeyCheck } from './host-key.ts'
import { fingerprint } from './host-key-problem.ts'
import { watchAuthFailures, watchServerSigAlgs } from './internals/auth-messages.ts'
import { intercept } from './internals/insides.ts'
import { watchProof } from './internals/key-exchange.ts'
import { offerKeysOf } from './internals/offer-keys.ts'
import { silence } from './internals/packets.ts'
import { spareStreams } from './internals/spare-streams.ts'
import type { Round } from './keyboard-interactive.ts'
import { typeInside } from './known-hosts.ts'

export type Step = 'connecting' | 'waiting for the banner' | 'key exchange' | 'authentication'

export interface HandshakeOptions {
  host: WantedHost
  stream: Duplex
  hostKey: HostKeyCheck
  authentication: Authentication
  algorithms: Algorithms
  signal: AbortSignal
  /** The server holds the key that was accepted; whether it lets us in is another matter. */
  onProven: () => void
  /** Kept up to date, for who limits the time. */
  progress: Progress
}

/** How far an attempt has come, and what it has met on its way; what a server said is printable. */
export interface Progress {
  step: Step
  /** The IP address that took the connection. */
  address?: string
  /** The first line that came, which is no SSH banner while the step is still to wait for one. */
  said?: string
  /** The last line of a proxy command's standard error. */
  proxySaid?: string
  /** Type and fingerprint of the key that the server showed. */
  hostKey?: string
  /** What we were let in with. */
  login?: string
  /** Of a login that failed: the methods with which it could go on; `hasBegun`: the server took a step, and wants more. */
  takes?: { methods: readonly string[]; hasBegun: boolean }
  /** What is to be said when the time runs out now, where that is more than that it did. */
  lateProblem?: () => Problem | null
}

/** Rejects with a ProblemError or `signal`'s reason; the stream is then the caller's to destroy. */
export function handshake(options: HandshakeOptions): Promise<Client> {
  const { stream, hostKey, authentication, signal, progress } = options
  const client = new ssh2.Client()
  const heard: Heard = new Heard(progress, () => client.emit('error', new Error('too long a greeting')))
  return new Promise((resolve, reject) => {
    const fail = (problem: Problem) => finish(() => reject(new ProblemError(problem)))
    const abort = () => finish(() => reject(signal.reason))
    const finish = (settle: () => void) => {
      signal.removeEventListener('abort', abort)
      stream.off('data', heard.onData)
      authentication.over()
      settle()
    }
    let isProven = false
    let proof: ReturnType<typeof watchProof> | null = null
    const onHostKey = (key: Buffer) => {
      proof ??= watchProof(client, key)
    }
    progress.step = 'waiting for the banner'
    signal.addEventListener('abort', abort, { once: true })
    stream.on('error', () => {})
    // Stays for ever: ssh2 may emit errors long after the first.
    client.on('error', (error: Ssh2Error) => {
      if (error.level !== 'agent') fail(hostKey.problem ?? explain(options, heard, error))
    })
    client.on('end', () => fail(hostKey.problem ?? endedProblem(options, heard)))
    client.on('close', () => fail(hostKey.problem ?? endedProblem(options, heard)))
    client.once('handshake', () => {
      isProven = hostKey.accepted
      if (isProven) options.onProven()
      authentication.session = proof?.() ?? null
      progress.step = 'authentication'
    })
    client.once('ready', () => {
      if (!isProven) return fail(hostKey.problem ?? explain(options, heard, new Error('logged in too early')))
      silence(client)
      finish(() => resolve(client))
    })
    gatherWrites(stream)
    try {
      client.connect(configFor(options, heard, onHostKey))
    } catch (error) {
      return fail(explain(options, heard, error as Error))
    }
    stream.on('data', heard.onData)
    spareStreams(client)
    boundServer(client, stream)
    watchAuthFailures(client, (methods, partial) => authentication.refused(methods, partial))
    watchServerSigAlgs(client, (algorithms) => authentication.serverTakes(algorithms))
    authentication.offerKey = offerKeysOf(client)
    progress.lateProblem = () => authentication.lateProblem
    authentication.giveUp = () => fail(authentication.problem(null))
    client.on('change password', () => authentication.passwordExpired())
    tellWhatNeedsNoAnswer(client, authentication)
    if (signal.aborted) abort()
  })
}

/** ssh2 answers a round without prompts by itself, and lets nobody know what it says. */
function tellWhatNeedsNoAnswer(client: Client, authentication: Authentication): void {
  intercept(client, 'USERAUTH_INFO_REQUEST', ([, name, instruction, prompts], proceed) => {
    const round = { name, instruction, prompts } as Round
    if (round.prompts.length > 0 || authentication.told(round)) return proceed()
    authentication.giveUp()
  })
}

function configFor(options: HandshakeOptions, heard: Heard, onHostKey: (key: Buffer) => void): ConnectConfig {
  const { host, stream, hostKey, authentication, algorithms, progress } = options
  type Proceed = (method: AnyAuthMethod | false) => void
  const next = (methods: string[] | null, _partial: boolean | null, proceed: Proceed) =>
    authentication.next(methods, proceed)
  const verify = (key: Buffer) => {
    progress.hostKey = `${typeInside(key) ?? 'a key'} ${fingerprint(key)}`
    onHostKey(key)
    return hostKey.accept(key) === true
  }
  return {
    sock: stream,
    username: host.user,
    algorithms,
    hostVerifier: verify,
    authHandler: next as unknown as NonNullable<ConnectConfig['authHandler']>,
    ident: 'tunnels',
    // Ours bounds the attempt as a whole, and our own clock notices a dead connection.
    readyTimeout: 0,
    keepaliveInterval: 0,
    // Forwarding of Unix sockets is asked for by name; a server that does not know it says so.
    strictVendor: false,
    debug: (message: string) => heard.onDebug(message),
  } as ConnectConfig
}
