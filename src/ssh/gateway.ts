// `gateway: relay` (00, case 14): the server listens for us on its loopback only, and a relay that runs beside it, in
// an exec channel of the same connection, listens for everybody and leads there. Why there is none is said here.

import { randomInt } from 'node:crypto'
import { isIP } from 'node:net'
import type { Incoming, ListenOptions, RemoteListener } from '../forward/carrier.ts'
import { formatListenSpec, formatRemoteListen, type ListenSpec } from '../model/address.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'
import { FarRelay, type RelayRefusal, startFarRelay } from './far-relay.ts'

type TcpListen = Extract<ListenSpec, { kind: 'tcp' }>

/** How often another port is tried where any would do. */
const MOST_CHOICES = 5

/**
 * See `Carrier.listen`. The server chooses the port of its loopback, so that nothing has to be known of what is free
 * there. Closing it lets open connections live on, where the relay is not ssh; then it ends.
 */
export async function listenByRelay(
  carrier: SshCarrier,
  listen: TcpListen,
  options: ListenOptions,
  onIncoming: (incoming: Incoming) => void,
): Promise<RemoteListener> {
  const users = new Users()
  const inner = await listenInside(carrier, listen, (incoming) => onIncoming(users.count(incoming)))
  try {
    const { relay, port } = await startOnPort(carrier, listen, inner.port, options)
    const lost = new AbortController()
    let isClosing = false
    relay.ended.addEventListener('abort', () => {
      if (isClosing || carrier.closed.aborted) return
      lost.abort(new ProblemError(lostProblem(carrier.host.name, listen, relay)))
    })
    return {
      address: formatRemoteListen({ ...listen, port }),
      port,
      lost: lost.signal,
      relay: relay.mark,
      close: async () => {
        isClosing = true
        await relay.stop()
        await inner.close()
        users.whenNone(() => relay.end())
      },
    }
  } catch (error) {
    await inner.close()
    throw error
  }
}

/** Connections that came through the relay and are open. */
class Users {
  #open = 0
  #onNone: (() => void) | null = null

  count(incoming: Incoming): Incoming {
    return {
      from: incoming.from,
      gone: incoming.gone,
      refuse: () => incoming.refuse(),
      accept: () => {
        const connection = incoming.accept()
        this.#open += 1
        connection.stream.once('close', () => {
          this.#open -= 1
          this.#look()
        })
        return connection
      },
    }
  }

  whenNone(onNone: () => void): void {
    this.#onNone = onNone
    this.#look()
  }

  #look(): void {
    if (this.#open === 0) this.#onNone?.()
  }
}

async function listenInside(
  carrier: SshCarrier,
  listen: TcpListen,
  onIncoming: (incoming: Incoming) => void,
): Promise<RemoteListener> {
  const loopback: TcpListen = { kind: 'tcp', bind: 'loopback', port: 'auto' }
  try {
    return await carrier.listen(loopback, { replace: false }, onIncoming)
  } catch {
    carrier.closed.throwIfAborted()
    throw new ProblemError(noLoopbackProblem(carrier.host.name, listen))
  }
}

async function startOnPort(
  carrier: SshCarrier,
  listen: TcpListen,
  inner: number,
  { before = null }: ListenOptions,
): Promise<{ relay: FarRelay; port: number }> {
  const bind = typeof listen.bind === 'string' ? 'any' : listen.bind.address
  if (bind !== 'any' && isIP(bind) === 0) throw new Error(`a relay cannot listen on ${bind}`)
  for (let choice = 1; ; choice++) {
    const port = listen.port === 'auto' ? randomInt(20_000, 60_000) : listen.port
    const started = await startFarRelay(carrier, { bind, port, inner, before })
    if (started instanceof FarRelay) return { relay: started, port }
    const mayChoose = listen.port === 'auto' && started.cause === 'in use' && choice < MOST_CHOICES
    if (!mayChoose) throw new ProblemError(refusalProblem(carrier.host.name, listen, started))
  }
}

function noLoopbackProblem(name: string, listen: TcpListen): Problem {
  return {
    code: 'FORWARD_PROHIBITED',
    summary: `${name} does not listen on its loopback for the relay of ${formatListenSpec(listen)}`,
    detail: 'The relay leads to a port there that the server chooses; the server gives no reason.',
    hint: 'Look at AllowTcpForwarding, PermitListen (it has to have localhost:*) and DisableForwarding in its sshd_config, and at restrict, permitlisten and no-port-forwarding in its authorized_keys',
  }
}

function refusalProblem(name: string, listen: TcpListen, { cause, said, program }: RelayRefusal): Problem {
  const where = formatListenSpec(listen)
  const detail = said === '' ? 'Nothing was said there.' : `It said: ${said}`
  switch (cause) {
    case 'not allowed':
      return {
        code: 'FORWARD_PROHIBITED',
        summary: `${name} lets no relay be started for ${where}`,
        detail,
        hint: 'It takes a command there: look at ForceCommand and MaxSessions in its sshd_config, at command= and restrict before the key in its authorized_keys, and at the login shell of the account',
      }
    case 'no program':
      return {
        code: 'RELAY_UNAVAILABLE',
        summary: `${name} has nothing that could be the relay of ${where}: neither python3 nor socat nor ssh`,
        hint: 'Install one of them there, or set GatewayPorts clientspecified in its sshd_config and leave `gateway` out',
      }
    case 'in use':
      return {
        code: 'REMOTE_PORT_IN_USE',
        summary: `${where} on ${name} is held by something else`,
        detail:
          'A program there, or a relay of a session that the server has not given up yet; such a relay ends by itself within 75 s.',
      }
    case 'privileged':
      return {
        code: 'FORWARD_PROHIBITED',
        summary: `${name} does not listen on ${where}`,
        detail: 'Ports under 1024 are for root there.',
        hint: 'Take a port from 1024 on',
      }
    case 'address':
      return {
        code: 'FORWARD_PROHIBITED',
        summary: `${name} does not listen on ${where}`,
        detail: `${where.slice(0, where.lastIndexOf(':'))} is no address of that machine.`,
        hint: 'Take an address of that machine, or * for all',
      }
    case 'ended':
      return {
        code: 'RELAY_UNAVAILABLE',
        summary: `The relay of ${where} could not be started on ${name}${program ? ` with ${program}` : ''}`,
        detail,
        ...(program === 'ssh' && { hint: loginHint }),
      }
  }
}

const loginHint =
  'With ssh it has to log in to its own machine without a question; python3 or socat there need nothing of the kind'

function lostProblem(name: string, listen: TcpListen, { program, said }: FarRelay): Problem {
  return {
    code: 'RELAY_LOST',
    summary: `The relay of ${formatListenSpec(listen)} on ${name} has ended`,
    ...(said !== '' && { detail: `The last that ${program} said: ${said}` }),
    hint: 'Somebody there ended it, or the machine did; it is started again',
  }
}
