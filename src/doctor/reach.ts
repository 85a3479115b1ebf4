// Whether a server listens as widely as it was asked to: GatewayPorts of sshd_config(5) narrows `*:7000` to loopback
// and widens a bare `7000` to all interfaces, and says neither.

import { type Bind, formatListenSpec, type ListenSpec } from '../model/address.ts'
import type { Step } from '../model/diagnosis.ts'
import { isLoopback, type Scope } from './far-listeners.ts'
import { unclear, well, wrong } from './step.ts'

/** `found`: null where nobody could look. `addresses` is empty where it was tried out, not read. */
export function reachStep(
  host: string,
  listen: Extract<ListenSpec, { kind: 'tcp' }>,
  found: { scope: Scope; addresses: readonly string[] } | null,
): Step {
  const asked = formatListenSpec(listen)
  if (!found)
    return unclear(
      'reach',
      `who can reach it on ${host} cannot be seen from here: the server lets no command run, and no connection through`,
    )
  const where = found.addresses.length > 0 ? ` (${found.addresses.join(', ')})` : ''
  const wanted = scopeOfBind(listen.bind)
  // Somebody else may hold the same port of another address.
  const isAsAsked = found.scope === wanted || (wanted === 'loopback' && found.scope === 'address')
  if (isAsAsked) return well('reach', `${shown[wanted]}${where}`)
  return found.scope === 'all'
    ? wrong('reach', widened(host, asked, where), [
        'In its sshd_config: `GatewayPorts clientspecified` listens as asked (`no`: on loopback only)',
      ])
    : wrong('reach', narrowed(host, asked, where), [
        'In its sshd_config: `GatewayPorts clientspecified` (`yes`: on all interfaces, always)',
        'Where that cannot be changed: `gateway: relay` in this forward starts a program there that listens as asked',
      ])
}

const shown: Record<Scope, string> = {
  loopback: 'reached from that machine alone',
  all: 'reached on all its interfaces',
  address: 'reached on the address asked for',
}

function scopeOfBind(bind: Bind): Scope {
  if (typeof bind === 'string') return bind === 'any' ? 'all' : 'loopback'
  return isLoopback(bind.address) ? 'loopback' : 'address'
}

function widened(host: string, asked: string, where: string) {
  return {
    code: 'REMOTE_BIND_DIFFERS' as const,
    summary: `${host} was asked to listen on ${asked} and listens on all its interfaces${where}: whoever reaches the machine reaches it`,
    hint: 'Say which clients may come with allow_from',
  }
}

function narrowed(host: string, asked: string, where: string) {
  return {
    code: 'REMOTE_BIND_DIFFERS' as const,
    summary: `${host} was asked to listen on ${asked} and listens elsewhere${where}: nobody outside that machine reaches it`,
  }
}
