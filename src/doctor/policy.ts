// What a server lets through, found out by asking for something harmless: it gives no reason when it refuses, but
// what else it refuses tells which setting it is.

import type { Carrier } from '../forward/carrier.ts'
import { type DialTarget, formatListenSpec, formatTarget, type ListenSpec } from '../model/address.ts'
import { type Problem, problemOf } from '../model/problem.ts'

/** Nobody listens there, and nobody minds. */
const HARMLESS: DialTarget = { kind: 'tcp', host: '127.0.0.1', port: 1 }

export interface Policy {
  /** It opens connections for us: to that one target at least. */
  dials: boolean
  /** It listens for us on a port of its own choice. */
  listens: boolean
}

/** Asked at most once a host. Rejects when the connection is lost, or with `signal`'s reason. */
export async function askPolicy(carrier: Carrier, signal: AbortSignal): Promise<Policy> {
  const [dials, listens] = await Promise.all([mayDial(carrier, signal), mayListen(carrier)])
  signal.throwIfAborted()
  return { dials: dials === null, listens }
}

/** The problem of a server that lets no connection through at all, or only some; null: it does. */
export async function mayDial(carrier: Carrier, signal: AbortSignal): Promise<Problem | null> {
  try {
    const connection = await carrier.dial(HARMLESS, { address: null, port: 0 }, signal)
    connection.abort()
    return null
  } catch (error) {
    signal.throwIfAborted()
    const problem = problemOf(error)
    return problem.code === 'FORWARD_PROHIBITED' || problem.code === 'HOST_LOST' ? problem : null
  }
}

async function mayListen(carrier: Carrier): Promise<boolean> {
  try {
    const anywhere: ListenSpec = { kind: 'tcp', bind: 'loopback', port: 'auto' }
    const listener = await carrier.listen(anywhere, { replace: false }, (incoming) => incoming.refuse())
    await listener.close()
    return true
  } catch {
    return false
  }
}

const IN_KEYS = 'and neither `restrict` nor `no-port-forwarding` before the key in its authorized_keys'

/** Which line of sshd_config a refused connection to `target` asks for. */
export function dialRemedies(target: DialTarget, { dials, listens }: Policy): string[] {
  if (target.kind === 'unix')
    return ['In its sshd_config: `AllowStreamLocalForwarding yes` and `AllowTcpForwarding yes`']
  const open = `\`PermitOpen ${formatTarget(target)}\``
  if (dials) return [`In its sshd_config: ${open} beside what it permits already (or \`PermitOpen any\`)`]
  return listens
    ? [
        `In its sshd_config: ${open} where there is a PermitOpen, \`AllowTcpForwarding yes\` where it says remote`,
        'In its authorized_keys: the same as `permitopen="…"`, where there is one before the key',
      ]
    : [
        `In its sshd_config: \`AllowTcpForwarding yes\`, and no \`DisableForwarding yes\`; ${IN_KEYS}`,
        `Where there is a PermitOpen, also: ${open}`,
      ]
}

/** Which line of sshd_config a refused listener asks for. */
export function listenRemedies(listen: ListenSpec, { dials, listens }: Policy): string[] {
  if (listen.kind === 'unix')
    return [
      'In its sshd_config: `AllowStreamLocalForwarding yes` and `AllowTcpForwarding yes`; `StreamLocalBindUnlink yes` for a socket that was left behind',
    ]
  const permit = `\`PermitListen ${formatListenSpec(listen).replace(/:?\bauto$/, 'any')}\``
  if (listens || dials)
    return [
      `In its sshd_config: ${permit} where there is a PermitListen, \`AllowTcpForwarding yes\` where it says local`,
      'In its authorized_keys: the same as `permitlisten="…"`, where there is one before the key',
    ]
  return [
    `In its sshd_config: \`AllowTcpForwarding yes\`, and no \`DisableForwarding yes\`; ${IN_KEYS}`,
    `Where there is a PermitListen, also: ${permit}`,
  ]
}
