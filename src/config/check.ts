// What only shows when everything is seen together: jumps that loop, two selected forwards on one listen address.
// Their variables are check-variables.ts.

import { realpathSync } from 'node:fs'
import { basename, dirname, join, posix } from 'node:path'
import { formatListenSpec, isWildcard, type SocketAddress, socketsOverlap } from '../model/address.ts'
import type { ForwardSpec, HostSpec } from '../model/project.ts'
import { listenSockets } from './listen.ts'
import { type Reading, report } from './reading.ts'
import { pointer } from './tree.ts'

/** Whoever needs more hosts on the way has made a mistake, and ssh an unusable connection. */
const MOST_HOPS = 16

/** Only the first hop is reached as it says itself; each further one through the one before (ssh_config(5)). */
export function checkJumps(reading: Reading, hosts: ReadonlyMap<string, HostSpec>): void {
  for (const host of hosts.values()) {
    const complaint = complainOfWay(host, hosts)
    if (!complaint) continue
    const own = pointer('hosts', host.name, 'proxy_jump')
    const path = reading.tree.places.has(own) ? own : '/defaults/hosts/proxy_jump'
    report(reading, path, { complaint }, 'CONFIG_REFERENCE')
  }
}

function complainOfWay(host: HostSpec, hosts: ReadonlyMap<string, HostSpec>): string | null {
  const seen = new Set([host.name])
  for (let at: HostSpec | undefined = host; at; at = hosts.get(at.proxyJump?.[0] ?? '')) {
    for (const hop of at.proxyJump ?? []) {
      if (seen.has(hop)) return `leads in a loop: the way to ${host.name} passes ${hop} twice`
      if (seen.size > MOST_HOPS) return `leads through more than ${MOST_HOPS} hosts`
      seen.add(hop)
    }
  }
  return null
}

/** Forwards that are not selected together may share an address. */
export function checkListeners(reading: Reading, forwards: Iterable<ForwardSpec>): void {
  const taken = new Map<string, Neighbours>()
  for (const forward of forwards) {
    const sockets = listenSockets(forward.listen).map((socket) => comparable(forward, socket))
    const places = sockets.map((socket) => placeOf(forward, socket))
    const others = sockets.map((socket, index) => findOverlap(taken.get(places[index]!), socket))
    const other = others.find((found) => found !== undefined)
    if (other) reportOverlap(reading, forward, other)
    for (const [index, socket] of sockets.entries()) {
      const neighbours: Neighbours = taken.get(places[index]!) ?? new Map()
      taken.set(places[index]!, neighbours.set(hostOf(socket), { forward, socket }))
    }
  }
}

/** What listens in one place, by address. */
type Neighbours = Map<string, { forward: ForwardSpec; socket: SocketAddress }>

/** Listeners in different places never meet: this machine or one host, and one port of it. */
function placeOf(forward: ForwardSpec, socket: SocketAddress): string {
  const machine = forward.kind === 'remote' ? forward.via : ''
  return `${machine} ${socket.kind === 'tcp' ? socket.port : 'unix'}`
}

function hostOf(socket: SocketAddress): string {
  return socket.kind === 'tcp' ? socket.host : socket.path
}

/** The same address, or a wildcard on either side: only a wildcard itself has to look at all of them. */
function findOverlap(neighbours: Neighbours | undefined, socket: SocketAddress): ForwardSpec | undefined {
  if (!neighbours) return undefined
  const isWide = socket.kind === 'tcp' && isWildcard(socket.host) && !neighbours.has(socket.host)
  const near = [hostOf(socket), '::', '0.0.0.0'].flatMap((host) => neighbours.get(host) ?? [])
  const candidates = isWide ? [...neighbours.values()] : near
  return candidates.find((other) => socketsOverlap(other.socket, socket))?.forward
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
  const [own, theirs] = [forward.profiles, other.profiles]
  const isApart = own.length > 0 && theirs.length > 0 && !own.some((profile) => theirs.includes(profile))
  const hint = `Give one of them another address, or ${isApart ? 'select one of them only' : 'put them into different profiles'}`
  const place = pointer('forwards', forward.name, forward.kind)
  const path = reading.tree.places.has(place) ? place : pointer('forwards', forward.name)
  report(reading, path, { complaint, hint }, 'CONFIG_CONFLICT')
}
