// Why a listener could not be opened, in words: who holds the port, or which right is missing.

import { readFile } from 'node:fs/promises'
import { formatSocketAddress, type SocketAddress } from '../model/address.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import { findPortHolder } from './port-holder.ts'

/** Translates what listen(2) or bind(2) said into PORT_IN_USE, LISTEN_FORBIDDEN or LISTEN_FAILED. */
export async function explainListenError(error: unknown, address: SocketAddress): Promise<ProblemError> {
  return new ProblemError(await problemOfListening((error as NodeJS.ErrnoException).code, error, address))
}

async function problemOfListening(
  code: string | undefined,
  error: unknown,
  address: SocketAddress,
): Promise<Problem> {
  const shown = formatSocketAddress(address)
  if (code === 'EADDRINUSE') return inUse(shown, address)
  if (code === 'EACCES' || code === 'EPERM') return forbidden(shown, address)
  if (code === 'EADDRNOTAVAIL') {
    const summary = `Cannot listen on ${shown}: this machine has no such address`
    return { code: 'LISTEN_FAILED', summary, hint: 'See the addresses it has with `ip address`' }
  }
  return { code: 'LISTEN_FAILED', summary: `Cannot listen on ${shown}`, detail: String(error) }
}

async function inUse(shown: string, address: SocketAddress): Promise<Problem> {
  const holder = address.kind === 'tcp' ? await findPortHolder(address.host, address.port) : null
  const by = holder ? `by ${holder.name} (pid ${holder.pid})` : 'by another process'
  return {
    code: 'PORT_IN_USE',
    summary: `${shown} is already in use ${by}`,
    hint: 'End that process or choose another port; `auto` takes a free one. It is tried again by itself',
  }
}

async function forbidden(shown: string, address: SocketAddress): Promise<Problem> {
  if (address.kind === 'unix') {
    const summary = `Not allowed to listen on ${shown}: no right to write in its folder`
    return { code: 'LISTEN_FORBIDDEN', summary }
  }
  const first = await firstFreePort()
  return {
    code: 'LISTEN_FORBIDDEN',
    summary: `Not allowed to listen on ${shown}: ports under ${first} are privileged`,
    detail: 'Only root, or a program with the capability cap_net_bind_service, may listen on them.',
    hint:
      `Listen on a port from ${first} up, such as ${address.port + 8000}; or give the right to everybody ` +
      `(sudo sysctl net.ipv4.ip_unprivileged_port_start=${address.port})`,
  }
}

async function firstFreePort(): Promise<number> {
  const setting = await readFile('/proc/sys/net/ipv4/ip_unprivileged_port_start', 'utf8').catch(() => '1024')
  return Number(setting)
}
