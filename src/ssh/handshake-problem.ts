// What it means that a handshake came to nothing: how far it had come, and what the other side had said by then.

import { formatHostPort } from '../model/address.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { HandshakeOptions, Step } from './handshake.ts'
import type { Heard } from './heard.ts'
import { placeInFile } from './host-in-file.ts'
import { mismatchProblem } from './mismatch-problem.ts'
import { printable } from './printable.ts'

/** What ssh2 adds to an error. */
export interface Ssh2Error extends Error {
  level?: string
  code?: string | number
}

export function explain(options: HandshakeOptions, heard: Heard, error: Ssh2Error): Problem {
  const { host, authentication, progress } = options
  // The stream itself knows best why it failed.
  if (error instanceof ProblemError) return problemOf(error)
  if (error.level === 'client-authentication') return authentication.problem(null)
  if (progress.step === 'authentication' && typeof error.code === 'number')
    return authentication.problem(`The server ended it: ${printable(error.message)}.`)
  if (error.level === 'client-socket' || typeof error.code === 'string')
    return lostProblem(host, progress.step, String(error.code ?? printable(error.message)))
  if (typeof error.code === 'number') return lostProblem(host, progress.step, printable(error.message))
  if (progress.step === 'waiting for the banner') return endedProblem(options, heard)
  const kind = /no matching (.+)$/i.exec(error.message)?.[1]
  return kind === undefined ? strangeProblem(host, error) : mismatchProblem(host, kind, heard.lastLists)
}

/** The other side went, with or without a word. */
export function endedProblem({ host, progress }: HandshakeOptions, heard: Heard): Problem {
  if (progress.step !== 'waiting for the banner' || heard.nothing)
    return lostProblem(host, progress.step, 'the server closed the connection')
  return strangerProblem(host, heard.firstLine)
}

/** What sshd says instead of a banner to whom it turns away for now: MaxStartups, PerSourcePenalties. */
const busyLine = /^(Exceeded MaxStartups|Not allowed at this time)/

/** Something greeted, but not as RFC 4253, section 4.2, wants it. */
export function strangerProblem(host: WantedHost, said: string): Problem {
  if (busyLine.test(said)) return lostProblem(host, 'waiting for the banner', said)
  return {
    code: 'HOST_PROTOCOL',
    summary: host.proxyCommand
      ? `What the proxy_command of ${host.name} leads to is not an SSH server`
      : `What answers at ${formatHostPort(host.hostname, host.port)} for ${host.name} is not an SSH server`,
    detail: `It says: ${said}`,
    hint: `Check the ${host.proxyCommand ? 'command' : 'port'} in ${placeInFile(host)}`,
  }
}

function lostProblem(host: WantedHost, step: Step, cause: string): Problem {
  return {
    code: 'HOST_LOST',
    summary: `The connection to ${host.name} ended while ${step}: ${cause}`,
    detail: `With ${formatHostPort(host.hostname, host.port)}.`,
    ...(step === 'waiting for the banner' && !host.proxyCommand && { hint: HINT_FOR_SILENCE }),
  }
}

/** Only the server knows: to us all of these look alike. */
const HINT_FOR_SILENCE =
  'The log of its sshd says why: MaxStartups, fail2ban, hosts.deny or a firewall may turn this machine away, or its configuration is broken'

function strangeProblem({ name }: WantedHost, error: Error): Problem {
  return {
    code: 'HOST_PROTOCOL',
    summary: `${name} and tunnels do not understand each other: ${printable(error.message)}`,
  }
}
