// What only shows when everything is seen together: jumps that loop, two selected forwards on one listen
// address or with one prefix for their variables.

import { realpathSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { formatListenSpec, type SocketAddress, socketsOverlap } from '../model/address.ts'
import type { ForwardSpec, HostSpec } from '../model/project.ts'
import { listenSockets } from './listen.ts'
import { type Reading, report } from './reading.ts'
import { pointer } from './tree.ts'

/** Only the first hop is reached as it says itself; each further one through the one before (ssh_config(5)). */
export function checkJumps(reading: Reading, hosts: ReadonlyMap<string, HostSpec>): void {
  for (const host of hosts.values()) {
    if (!host.proxyJump?.length) continue
    const twice = findRepeated(host, hosts)
    if (!twice) continue
    const own = pointer('hosts', host.name, 'proxy_jump')
    const path = reading.tree.places.has(own) ? own : '/defaults/hosts/proxy_jump'
    const complaint = `leads in a loop: the way to ${host.name} passes ${twice} twice`
    report(reading, path, { complaint }, 'CONFIG_REFERENCE')
  }
}

function findRepeated(host: HostSpec, hosts: ReadonlyMap<string, HostSpec>): string | null {
  const seen = new Set([host.name])
  for (let at: HostSpec | undefined = host; at; at = hosts.get(at.proxyJump?.[0] ?? '')) {
    for (const hop of at.proxyJump ?? []) {
      if (seen.has(hop)) return hop
      seen.add(hop)
    }
  }
  return null
}

interface Listener {
  forward: ForwardSpec
  socket: SocketAddress
}

/** Forwards that are not selected together may share an address. */
export function checkListeners(reading: Reading, forwards: Iterable<ForwardSpec>): void {
  const taken = new Map<string, Listener[]>()
  for (const forward of forwards) {
    const listeners = listenSockets(forward.listen).map((socket) => ({
      forward,
      socket: comparable(forward, socket),
    }))
    const other = listeners.map((listener) => findOverlap(taken, listener)).find(Boolean)
    if (other) reportOverlap(reading, forward, other)
    for (const listener of listeners) {
      const place = placeOf(listener)
      taken.set(place, [...(taken.get(place) ?? []), listener])
    }
  }
}

/** Listeners in different places never meet: this machine or one host, and one port of it. */
function placeOf({ forward, socket }: Listener): string {
  const machine = forward.kind === 'remote' ? forward.via : ''
  return `${machine} ${socket.kind === 'tcp' ? socket.port : 'unix'}`
}

function findOverlap(taken: ReadonlyMap<string, Listener[]>, listener: Listener): ForwardSpec | undefined {
  const others = taken.get(placeOf(listener)) ?? []
  return others.find(({ socket }) => socketsOverlap(socket, listener.socket))?.forward
}

/** One path for its spellings: links in the folders that exist are followed, those of the far side cannot be. */
function comparable(forward: ForwardSpec, socket: SocketAddress): SocketAddress {
  if (socket.kind !== 'unix') return socket
  if (forward.kind === 'remote') return { kind: 'unix', path: posix.normalize(socket.path) }
  return { kind: 'unix', path: join(realFolder(dirname(socket.path)), basename(socket.path)) }
}

function realFolder(path: string): string {
  try {
    return realpathSync(path)
  } catch {
    const parent = dirname(path)
    return parent === path ? path : join(realFolder(parent), basename(path))
  }
}

function reportOverlap(reading: Reading, forward: ForwardSpec, other: ForwardSpec): void {
  const where = forward.kind === 'remote' ? ` on ${forward.via}` : ''
  const at = other.at ? ` (line ${other.at.line})` : ''
  const complaint =
    `listens on ${formatListenSpec(forward.listen)}${where}, ` +
    `where forwards.${other.name}${at} listens on ${formatListenSpec(other.listen)}`
  const hint = 'Give one of them another address, or put them into different profiles'
  const own = pointer('forwards', forward.name, forward.kind)
  const path = reading.tree.places.has(own) ? own : pointer('forwards', forward.name)
  report(reading, path, { complaint, hint }, 'CONFIG_CONFLICT')
}

/** The default of `env_prefix`; a forward that listens on a host sets no variables. */
export function checkEnvPrefixes(reading: Reading, forwards: Iterable<ForwardSpec>): void {
  const taken = new Map<string, string>()
  for (const { name, kind } of forwards) {
    if (kind === 'remote') continue
    const prefix = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
    const other = taken.get(prefix)
    const complaint = `would set the same variables as forwards.${other}: ${prefix}_HOST and ${prefix}_PORT`
    if (other === undefined) taken.set(prefix, name)
    else
      report(reading, pointer('forwards', name), { complaint, hint: 'Rename one' }, 'CONFIG_CONFLICT', 'key')
  }
}
