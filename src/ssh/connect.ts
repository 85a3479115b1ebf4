// One attempt to reach a host: socket, host key, login, each with its own problem, all within ConnectTimeout.
// Trying again is left to whoever wants the host; what an open connection can do is carrier.ts's.

import type { Duplex } from 'node:stream'
import type { Carrier } from '../forward/carrier.ts'
import { formatHostPort } from '../model/address.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { Ask } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { algorithmsFor } from './algorithms.ts'
import { AttemptClock } from './attempt-clock.ts'
import { Authentication } from './auth.ts'
import { SshCarrier } from './carrier.ts'
import { loadCredentials } from './credentials.ts'
import { handshake, type Progress } from './handshake.ts'
import { strangerProblem } from './handshake-problem.ts'
import { howToSet } from './host-in-file.ts'
import { type HostKeyCheck, loadHostKeyCheck } from './host-key.ts'
import { declinedProblem } from './host-key-problem.ts'
import { askAboutHostKey } from './host-key-question.ts'
import { oneQuestionAtATime } from './one-question.ts'
import { reusePacketMemory } from './packet-memory.ts'
import { openProxyCommand } from './proxy-command.ts'
import { openSocket, unlessAborted } from './socket.ts'
import { silentNameProblem } from './socket-problem.ts'

export interface ConnectOptions {
  /** Through a jump host: a stream to hostname:port. Absent: a socket of our own. It belongs to the connection from then on. */
  openStream?: (signal: AbortSignal) => Promise<Duplex>
  /** Absent: nobody is there to ask. While an answer is waited for, the attempt's time stands still. */
  ask?: Ask
  signal: AbortSignal
  /** Kept up to date, for who wants to tell how far it came. */
  progress?: Progress
}

/**
 * One attempt, bounded as a whole by `host.connectTimeoutMs`. Rejects with a ProblemError (HOST_*, AUTH_*; through
 * a jump host also FORWARD_PROHIBITED), or with `signal`'s reason. The caller closes the carrier.
 */
export async function connect(host: WantedHost, options: ConnectOptions): Promise<Carrier> {
  const progress: Progress = options.progress ?? { step: 'connecting' }
  const deadline = new AbortController()
  const expire = () =>
    deadline.abort(new ProblemError(progress.lateProblem?.() ?? timeoutProblem(host, progress)))
  const clock = new AttemptClock(host.connectTimeoutMs, expire)
  const signal = AbortSignal.any([options.signal, deadline.signal])
  const asking = options.ask ? { ...options, ask: clock.stoppedDuring(options.ask) } : options
  try {
    // Whatever an attempt waits for, the limit holds; what it opened it closes itself when it notices.
    return await unlessAborted(attempt(host, asking, signal, progress), signal)
  } finally {
    clock.end()
  }
}

async function attempt(
  host: WantedHost,
  options: ConnectOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Carrier> {
  const hostKey = await loadHostKeyCheck(host)
  try {
    return await logIn(host, hostKey, options, signal, progress)
  } catch (error) {
    const { stranger } = hostKey
    if (!stranger || !options.ask || signal.aborted) throw error
    // Out of the handshake, where a person may take their time; then for this key and no other.
    const answer = await askAboutHostKey(host, stranger, options.ask, signal)
    if (answer === 'declined') throw new ProblemError(declinedProblem(host, stranger.key))
    if (answer === 'unanswered') throw error
    return logIn(host, await loadHostKeyCheck(host, stranger.key), options, signal, progress)
  }
}

async function logIn(
  host: WantedHost,
  hostKey: HostKeyCheck,
  options: ConnectOptions,
  signal: AbortSignal,
  progress: Progress,
): Promise<Carrier> {
  const { ask, idle } = oneQuestionAtATime(options.ask)
  const credentials = await loadCredentials(host, { ask, signal })
  const algorithms = algorithmsFor(host, hostKey.knownTypes)
  signal.throwIfAborted()
  const stream = await openStream(host, options, signal, progress)
  const authentication = new Authentication(host, credentials, { ask, signal })
  let remembered: ReturnType<HostKeyCheck['remember']> | null = null
  // Before the login, as ssh: whoever fails it shall not be asked about the key again.
  const onProven = () => {
    remembered = hostKey.remember()
  }
  try {
    signal.throwIfAborted()
    const options = { host, stream, hostKey, authentication, algorithms, signal, onProven, progress }
    const client = await handshake(options)
    progress.login = authentication.way
    const warning = await remembered
    signal.throwIfAborted()
    reusePacketMemory(client, stream)
    return new SshCarrier(host, client, stream, warning)
  } catch (error) {
    progress.takes = authentication.takes
    stream.destroy()
    await Promise.all([remembered, idle()])
    throw error
  }
}

/** A stream to the host's SSH server, by the way that leads there. The caller destroys it. */
export async function openStream(
  host: WantedHost,
  options: Pick<ConnectOptions, 'openStream'>,
  signal: AbortSignal,
  progress: Progress,
): Promise<Duplex> {
  if (!options.openStream) {
    const { proxyCommand } = host
    if (!proxyCommand) {
      progress.lateProblem = () => silentNameProblem(host)
      const socket = await openSocket(host, signal, () => delete progress.lateProblem)
      if (socket.remoteAddress) progress.address = socket.remoteAddress
      return socket
    }
    return openProxyCommand(host, proxyCommand, signal, (line) => {
      progress.proxySaid = line
    })
  }
  try {
    return await options.openStream(signal)
  } catch (error) {
    signal.throwIfAborted()
    throw new ProblemError(behindJump(host, problemOf(error)))
  }
}

/** What the jump host said of its target is said of a host here. */
function behindJump(host: WantedHost, problem: Problem): Problem {
  const endpoint = formatHostPort(host.hostname, host.port)
  const seen = `Seen from ${host.jump ?? 'the jump host'}: ${problem.summary}.`
  switch (problem.code) {
    case 'TARGET_UNRESOLVED':
      return {
        code: 'HOST_UNRESOLVED',
        summary: `The name ${host.hostname} of ${host.name} is not known`,
        detail: seen,
      }
    case 'TARGET_TIMEOUT':
      return {
        code: 'HOST_TIMEOUT',
        summary: `${host.name} (${endpoint}) did not answer: timed out while connecting`,
        detail: seen,
      }
    case 'TARGET_REFUSED':
    case 'TARGET_UNREACHABLE':
      return {
        code: 'HOST_UNREACHABLE',
        summary: `${host.name} cannot be reached at ${endpoint}`,
        detail: seen,
        hint: `Look whether it runs, and whether ${host.jump ?? 'the jump host'} may reach it; \`hostname\` is looked up there`,
      }
    default:
      return problem
  }
}

function timeoutProblem(host: WantedHost, { step, said, proxySaid }: Progress): Problem {
  if (step === 'waiting for the banner' && said) return strangerProblem(host, said)
  const endpoint = formatHostPort(host.hostname, host.port)
  return {
    code: 'HOST_TIMEOUT',
    summary: `${host.name} (${endpoint}) did not answer within ${host.connectTimeoutMs / 1000} s: timed out while ${step}`,
    ...(proxySaid && { detail: `Its proxy_command says: ${proxySaid}` }),
    hint:
      step === 'connecting'
        ? 'A firewall that drops, a wrong address, or a machine that is off'
        : `${host.proxyCommand ? 'Its proxy_command runs' : 'Something listens there'}, but is stuck or slow. To give it more time, ${howToSet(host, 'connect_timeout: 60s')}`,
  }
}
