// Why a server refused to listen: its answer has no reason, so it is found out by asking for things that would
// work if one reason were the right one. Nothing that was asked for only to find out stays behind.

import type { Originator } from '../model/address.ts'
import { formatListenSpec, type ListenSpec } from '../model/address.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'
import { dial } from './channels.ts'
import { removeSocket } from './remote-socket-file.ts'

const NOBODY: Originator = { address: null, port: 0 }

/** `address`: as it was sent. */
export async function tcpRefusal(
  carrier: SshCarrier,
  listen: Extract<ListenSpec, { kind: 'tcp' }>,
  address: string,
): Promise<Problem> {
  const isPrivileged = listen.port !== 'auto' && listen.port < 1024
  const anyPort = listen.port !== 'auto' && (await canListenElsewhere(carrier, address))
  // A port under 1024 may be free and still not be ours to take.
  const taken = anyPort && !isPrivileged ? true : (await knock(carrier, listen, address)) === 'answered'
  carrier.closed.throwIfAborted()
  if (taken) return inUseProblem(carrier.host.name, formatListenSpec(listen))
  return prohibitedProblem(carrier.host.name, listen, anyPort && isPrivileged)
}

/** Null: the stale socket was removed, so asking again is worth it. Only with `replace`. */
export async function unixRefusal(
  carrier: SshCarrier,
  path: string,
  replace: boolean,
): Promise<Problem | null> {
  const { name } = carrier.host
  const seen = await ask(carrier, { kind: 'unix', path })
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
    hint: `On the server: AllowStreamLocalForwarding in sshd_config, the right to write to that folder, or a stale socket: remove ${path}, or set StreamLocalBindUnlink yes`,
  }
}

/** Whether the same address with any other port would do: then only this port is the trouble. */
function canListenElsewhere({ client, closed }: SshCarrier, address: string): Promise<boolean> {
  return new Promise((resolve) => {
    const lost = () => resolve(false)
    if (closed.aborted) return lost()
    closed.addEventListener('abort', lost, { once: true })
    client.forwardIn(address, 0, (error, port) => {
      closed.removeEventListener('abort', lost)
      if (error) return resolve(false)
      client.unforwardIn(address, port, () => resolve(true))
    })
  })
}

type Seen = 'answered' | 'silent' | 'unclear'

function knock(
  carrier: SshCarrier,
  listen: Extract<ListenSpec, { kind: 'tcp' }>,
  address: string,
): Promise<Seen> {
  if (listen.port === 'auto') return Promise.resolve('unclear')
  const host = address === '' || address === '0.0.0.0' || address === '::' ? 'localhost' : address
  return ask(carrier, { kind: 'tcp', host, port: listen.port })
}

async function ask(carrier: SshCarrier, target: Parameters<typeof dial>[1]): Promise<Seen> {
  try {
    const connection = await dial(carrier, target, NOBODY, carrier.closed)
    connection.abort()
    return 'answered'
  } catch (error) {
    return problemOf(error).code === 'TARGET_REFUSED' ? 'silent' : 'unclear'
  }
}

function inUseProblem(name: string, where: string): Problem {
  return {
    code: 'REMOTE_PORT_IN_USE',
    summary: `${where} on ${name} is held by something else`,
    detail: 'Probably a previous session of ours that the server has not given up yet, or a program there.',
    hint: 'ClientAliveInterval in sshd_config makes the server free what a lost session held',
  }
}

function prohibitedProblem(
  name: string,
  listen: Extract<ListenSpec, { kind: 'tcp' }>,
  isPrivileged: boolean,
): Problem {
  const where = formatListenSpec(listen)
  const summary = `${name} does not listen on ${where}`
  if (isPrivileged)
    return {
      code: 'FORWARD_PROHIBITED',
      summary,
      detail: 'Ports under 1024 are for root there.',
      hint: 'Take a port from 1024 on',
    }
  const address =
    typeof listen.bind === 'object'
      ? `, or ${listen.bind.address} is no address of that machine (GatewayPorts clientspecified lets a client choose one)`
      : ''
  return {
    code: 'FORWARD_PROHIBITED',
    summary,
    detail: `The server gives no reason; policy is the likely one${address}.`,
    hint: 'Look at AllowTcpForwarding, PermitListen, GatewayPorts (and DisableForwarding) in its sshd_config, and at restrict, permitlisten and no-port-forwarding in its authorized_keys',
  }
}
