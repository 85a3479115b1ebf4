// Why a server refused to listen: its answer has no reason, so it is found out by asking for things that would
// work if one reason were the right one. Nothing that was asked for only to find out stays behind.

import { formatListenSpec, isWildcard, type ListenSpec } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'
import { globalRequest } from './global-request.ts'
import { knock } from './knock.ts'
import { removeSocket } from './remote-socket-file.ts'

type TcpListen = Extract<ListenSpec, { kind: 'tcp' }>
type Cause = 'in use' | 'privileged' | 'address' | 'policy'

/** `address`: as it was sent. Rejects when the connection is lost meanwhile. */
export async function tcpRefusal(carrier: SshCarrier, listen: TcpListen, address: string): Promise<Problem> {
  const cause = await findCause(carrier, listen, address)
  carrier.closed.throwIfAborted()
  const { name } = carrier.host
  return cause === 'in use'
    ? inUseProblem(name, formatListenSpec(listen))
    : prohibitedProblem(name, listen, cause)
}

async function findCause(carrier: SshCarrier, { bind, port }: TcpListen, address: string): Promise<Cause> {
  const anyPortWouldDo = port !== 'auto' && (await canListen(carrier, address))
  const isPrivileged = port !== 'auto' && port < 1024
  if (anyPortWouldDo && !isPrivileged) return 'in use'
  // Dialling an address that is another machine's would say nothing about this one.
  if (!anyPortWouldDo && typeof bind === 'object' && (await canListen(carrier, 'localhost'))) return 'address'
  if (await isAnswered(carrier, address, port)) return 'in use'
  return anyPortWouldDo ? 'privileged' : 'policy'
}

/** Null: the stale socket was removed, so asking again is worth it. Only with `replace`. */
export async function unixRefusal(
  carrier: SshCarrier,
  path: string,
  replace: boolean,
): Promise<Problem | null> {
  const { name } = carrier.host
  const seen = await knock(carrier, { kind: 'unix', path })
  carrier.closed.throwIfAborted()
  if (seen === 'answered') return inUseProblem(name, path)
  const removed = seen === 'silent' && replace ? await removeSocket(carrier, path) : 'left'
  if (removed === 'removed') return null
  return {
    code: 'FORWARD_PROHIBITED',
    summary: `${name} does not listen on ${path}`,
    detail:
      removed === 'no socket'
        ? `There is a file at ${path} on the server that is no socket; it was left alone.`
        : 'The server gives no reason.',
    hint: `On the server: AllowStreamLocalForwarding and AllowTcpForwarding in sshd_config (a path needs both), the right to write to that folder, or a stale socket: remove ${path}, or set StreamLocalBindUnlink yes`,
  }
}

/** Whether the server would listen on some port of `address`. */
async function canListen(carrier: SshCarrier, address: string): Promise<boolean> {
  const { client } = carrier
  const port = await globalRequest<number>(carrier, (done) =>
    client.forwardIn(address, 0, (error, chosen) => done(error ? null : chosen)),
  )
  if (port === null) return false
  await globalRequest<true>(carrier, (done) => client.unforwardIn(address, port, () => done(true)))
  return true
}

async function isAnswered(carrier: SshCarrier, address: string, port: number | 'auto'): Promise<boolean> {
  if (port === 'auto') return false
  const host = address === '' || isWildcard(address) ? 'localhost' : address
  return (await knock(carrier, { kind: 'tcp', host, port })) === 'answered'
}

function inUseProblem(name: string, where: string): Problem {
  return {
    code: 'REMOTE_PORT_IN_USE',
    summary: `${where} on ${name} is held by something else`,
    detail: 'Probably a previous session of ours that the server has not given up yet, or a program there.',
    hint: 'ClientAliveInterval in sshd_config makes the server free what a lost session held',
  }
}

function prohibitedProblem(name: string, listen: TcpListen, cause: Exclude<Cause, 'in use'>): Problem {
  return {
    code: 'FORWARD_PROHIBITED',
    summary: `${name} does not listen on ${formatListenSpec(listen)}`,
    ...explain(listen, cause),
  }
}

function explain(
  { bind, port }: TcpListen,
  cause: Exclude<Cause, 'in use'>,
): { detail: string; hint: string } {
  switch (cause) {
    case 'privileged':
      return { detail: 'Ports under 1024 are for root there.', hint: 'Take a port from 1024 on' }
    case 'address':
      return {
        detail: `It would listen on localhost, but not there: ${typeof bind === 'object' ? bind.address : bind} is no address of that machine, or PermitListen leaves it out.`,
        hint: 'Take an address of that machine; which clients may come is allow_from',
      }
    case 'policy':
      return {
        detail:
          port === 'auto'
            ? 'The server gives no reason.'
            : 'The server gives no reason; asked for a port of its own choice, it would not listen either.',
        hint: 'Look at AllowTcpForwarding, PermitListen, GatewayPorts (and DisableForwarding) in its sshd_config, and at restrict, permitlisten and no-port-forwarding in its authorized_keys',
      }
  }
}
