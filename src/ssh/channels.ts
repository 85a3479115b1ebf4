// Connections from the host to a target: direct-tcpip (RFC 4254 7.2) and direct-streamlocal@openssh.com (OpenSSH
// PROTOCOL 2.4), bounded in time, with the server's reason as a problem.

import type { Channel } from 'ssh2'
import type { Connection } from '../forward/carrier.ts'
import type { StopSignal } from '../forward/stop.ts'
import { type DialTarget, formatTarget, type Originator } from '../model/address.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'
import { printable } from './printable.ts'

type Opened = (error: (Error & { reason?: unknown }) | undefined, channel: Channel) => void

/** See `Dial`. Bounded by the host's connectTimeoutMs: what opens later is closed. */
export function dial(
  carrier: SshCarrier,
  target: DialTarget,
  from: Originator,
  signal: StopSignal,
): Promise<Connection> {
  const { host, closed } = carrier
  if (closed.aborted) return Promise.reject(closed.reason)
  if (signal.aborted) return Promise.reject(signal.reason)
  return new Promise((resolve, reject) => {
    let isOver = false
    let isGivenUp = false
    const finish = (settle: () => void) => {
      if (isOver) return
      isOver = true
      clearTimeout(timer)
      signal.removeEventListener('abort', abort)
      stay()
      settle()
    }
    const giveUp = (settle: () => void) => {
      isGivenUp = true
      carrier.countUnanswered(target, 1)
      finish(settle)
    }
    const abort = () => giveUp(() => reject(signal.reason))
    const lost = () => finish(() => reject(closed.reason))
    const fail = (problem: Problem) => finish(() => reject(new ProblemError(problem)))
    const expire = () =>
      giveUp(() => reject(new ProblemError(timeoutProblem(host.name, target, host.connectTimeoutMs))))
    const timer = setTimeout(expire, host.connectTimeoutMs)
    signal.addEventListener('abort', abort)
    const stay = carrier.onceLost(lost)
    const opened: Opened = (error, channel) => {
      if (isGivenUp) carrier.countUnanswered(target, -1)
      if (isOver) {
        if (channel) carrier.adopt(channel).abort()
      } else if (error) fail(openProblem(host.name, target, error.reason, error.message))
      else finish(() => resolve(carrier.adopt(channel)))
    }
    try {
      open(carrier, target, from, opened)
    } catch {
      fail(lostProblem(host.name))
    }
  })
}

function open({ client }: SshCarrier, target: DialTarget, from: Originator, opened: Opened): void {
  if (target.kind === 'unix') client.openssh_forwardOutStreamLocal(target.path, opened)
  // ssh, too, names loopback for a client that has no address.
  else client.forwardOut(from.address ?? '127.0.0.1', from.port, target.host, target.port, opened)
}

/** `reason`: RFC 4254 5.1; what went wrong behind any but 1 and 3 only the server's text tells. */
function openProblem(name: string, target: DialTarget, reason: unknown, message: string): Problem {
  const said = printable(message.replace(/^\(SSH\) Channel open failure: ?/, ''))
  switch (reason) {
    case 1:
      return prohibitedProblem(name, target, said)
    case 3:
      return {
        ...prohibitedProblem(name, target, said),
        hint: 'The server does not know this kind of forwarding',
      }
    default:
      // ssh2 has none where the connection ended, and a text where the server closed what it had not opened.
      return reason === undefined ? lostProblem(name) : targetProblem(name, target, said)
  }
}

function prohibitedProblem(name: string, target: DialTarget, said: string): Problem {
  const settings = target.kind === 'unix' ? 'AllowStreamLocalForwarding' : 'AllowTcpForwarding and PermitOpen'
  return {
    code: 'FORWARD_PROHIBITED',
    summary: `${name} does not allow connections to ${formatTarget(target)}`,
    detail: `The server says: ${said || 'administratively prohibited'}.`,
    hint: `Look at ${settings} (and DisableForwarding) in its sshd_config, and at restrict, permitopen and no-port-forwarding in its authorized_keys`,
  }
}

function targetProblem(name: string, target: DialTarget, said: string): Problem {
  const to = formatTarget(target)
  const detail = `The server says: ${said || 'connect failed'}.`
  if (
    /name or service not known|name resolution|nodename|unknown host|no address associated|not resolve/i.test(
      said,
    )
  )
    return { code: 'TARGET_UNRESOLVED', summary: `${name} does not know the name of ${to}`, detail }
  const refused = {
    code: 'TARGET_REFUSED' as const,
    summary: `Nobody answers on ${to}, seen from ${name}`,
    detail,
  }
  // OpenSSH answers "open failed" to a path where nobody listens, and to a path that it does not allow; what
  // TCP connections may not do, or may do to some targets only, no path may do either.
  if (target.kind === 'unix')
    return {
      ...refused,
      hint: 'Look whether something listens there, and at AllowStreamLocalForwarding, AllowTcpForwarding and PermitOpen in its sshd_config: a path needs the leave of all three',
    }
  if (/refused/i.test(said)) return refused
  if (/timed out/i.test(said))
    return { code: 'TARGET_TIMEOUT', summary: `${to} did not answer ${name}`, detail }
  return { code: 'TARGET_UNREACHABLE', summary: `${to} cannot be reached from ${name}`, detail }
}

function timeoutProblem(name: string, target: DialTarget, timeoutMs: number): Problem {
  return {
    code: 'TARGET_TIMEOUT',
    summary: `${formatTarget(target)} did not answer ${name} within ${timeoutMs / 1000} s`,
  }
}

function lostProblem(name: string): Problem {
  return { code: 'HOST_LOST', summary: `The connection to ${name} was lost` }
}
