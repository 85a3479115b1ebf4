// Why a host cannot be reached over TCP, in words: each address that was tried, and what came of it.

import { formatHostPort } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { placeInFile } from './host-in-file.ts'

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
      : `Check the spelling in ${placeInFile(host)}, or the name server (a VPN?)`,
  }
}

/** The system asks name servers for as long as it likes; ConnectTimeout of ssh_config(5) does not bound it there. */
export function silentNameProblem(host: WantedHost): Problem {
  return {
    code: 'HOST_UNRESOLVED',
    summary: `The name ${host.hostname} of ${host.name} is not known: no name server answered within ${host.connectTimeoutMs / 1000} s`,
    hint: 'Look whether this machine is on the network, and at its name servers (a VPN?)',
  }
}

/** `failures`: at least one, in the order in which they came. */
export function unreachableProblem(host: WantedHost, failures: Failure[]): Problem {
  const endpoint = formatHostPort(host.hostname, host.port)
  const timedOut = failures.every(({ error }) => error.code === 'ETIMEDOUT')
  return {
    code: timedOut ? 'HOST_TIMEOUT' : 'HOST_UNREACHABLE',
    summary: timedOut
      ? `${host.name} (${endpoint}) did not answer: timed out while connecting`
      : `${host.name} cannot be reached at ${endpoint}: ${describeErrno(failures[0]?.error.code)}`,
    ...detailOf(host, failures),
    hint: timedOut
      ? 'A firewall that drops, a wrong address, or a machine that is off'
      : hintFor(host, failures[0]?.error.code),
  }
}

/** One address that was given as such needs no second sentence. */
function detailOf(host: WantedHost, failures: Failure[]): { detail?: string } {
  if (failures.every(({ address }) => address === host.hostname)) return {}
  const lines = failures.map(
    ({ address, error }) => `${formatHostPort(address, host.port)}: ${describeErrno(error.code)}`,
  )
  return { detail: lines.join('\n') }
}

function hintFor(host: WantedHost, code: string | undefined): string {
  if (code === 'ECONNREFUSED')
    return `Look whether sshd runs there, and on port ${host.port}; else correct ${placeInFile(host)}`
  if (code === 'EADDRNOTAVAIL') return `Check bind_address and bind_interface of ${placeInFile(host)}`
  return `Look whether this machine is on the right network (a VPN?), and at the address in ${placeInFile(host)}`
}

export function noSourceProblem(host: WantedHost): Problem {
  const source = host.bindAddress ?? `interface ${host.bindInterface}`
  return {
    code: 'HOST_UNREACHABLE',
    summary: `${host.name} cannot be reached from ${source}: there is no address to connect from`,
    detail: `Of the families of ${host.hostname}, ${source} has no address here.`,
    hint: `Check bind_address, bind_interface and address_family of ${placeInFile(host)}`,
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
    case 'EMFILE':
    case 'ENFILE':
      return 'this process, or this machine, may have no more files open (ulimit -n)'
    default:
      return code ?? 'failed'
  }
}
