// Why a host cannot be reached over TCP, in words: each address that was tried, and what came of it.

import { formatHostPort } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'

export interface Address {
  address: string
  family: number
}

/** An address that was tried, and what came of it. */
export interface Failure {
  address: string
  error: NodeJS.ErrnoException
}

export function unresolvedProblem(host: WantedHost, error: NodeJS.ErrnoException): Problem {
  const temporary = error.code === 'EAI_AGAIN'
  return {
    code: 'HOST_UNRESOLVED',
    summary: `The name ${host.hostname} of ${host.name} is not known`,
    detail: temporary
      ? 'The name server does not answer.'
      : `Looked up here, without an answer (${error.code}).`,
    hint: temporary
      ? 'Look whether this machine is on the network'
      : `Check the spelling, or set hostname in hosts.${host.name}`,
  }
}

/** `failures`: at least one, in the order in which they came. */
export function unreachableProblem(host: WantedHost, failures: Failure[]): Problem {
  const endpoint = formatHostPort(host.hostname, host.port)
  const lines = failures.map(
    ({ address, error }) => `${formatHostPort(address, host.port)}: ${describeErrno(error.code)}`,
  )
  const timedOut = failures.every(({ error }) => error.code === 'ETIMEDOUT')
  return {
    code: timedOut ? 'HOST_TIMEOUT' : 'HOST_UNREACHABLE',
    summary: timedOut
      ? `${host.name} (${endpoint}) did not answer: timed out while connecting`
      : `${host.name} cannot be reached at ${endpoint}: ${describeErrno(failures[0]?.error.code)}`,
    detail: lines.join('\n'),
  }
}

export function noSourceProblem(host: WantedHost): Problem {
  const source = host.bindAddress ?? `interface ${host.bindInterface}`
  return {
    code: 'HOST_UNREACHABLE',
    summary: `${host.name} cannot be reached from ${source}: there is no address to connect from`,
    detail: `${host.hostname} has no address of a family that ${source} has here.`,
    hint: `Check bind_address, bind_interface and address_family of hosts.${host.name}`,
  }
}

function describeErrno(code: string | undefined): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'connection refused (nobody listens there)'
    case 'EHOSTUNREACH':
      return 'no route to host'
    case 'ENETUNREACH':
      return 'network is unreachable'
    case 'ETIMEDOUT':
      return 'timed out'
    case 'EADDRNOTAVAIL':
      return 'the address to connect from is not on this machine'
    case 'EACCES':
    case 'EPERM':
      return 'not permitted here (a firewall?)'
    default:
      return code ?? 'failed'
  }
}
