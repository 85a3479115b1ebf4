// Listeners are planned per socket address over the whole project: equal ones are kept whoever owns them,
// those that a new one overlaps give way first, then the new ones open, then the rest close.

import {
  formatHostPort,
  formatListenSpec,
  formatSocketKey,
  type SocketAddress,
  socketsOverlap,
} from '../model/address.ts'
import type { WantedForward, WantedHost, WantedRemoteForward } from '../model/wanted.ts'

/** One thing that listens for a forward: a socket of this machine, or a request to a host. */
export interface Endpoint {
  key: string
  forward: string
  /** A socket of this machine … */
  local: SocketAddress | null
  /** … or a port or path of a server, whatever host names it goes by. */
  remote: string | null
  /** What a listener cannot take over in place; differs: it must give way to itself. */
  properties: string
}

export interface ListenerPlan {
  /** `to` is the new endpoint's key; `restore` when the same forward gets both. */
  yields: { key: string; to: string; restore: boolean }[]
  handOvers: Endpoint[]
  opens: Endpoint[]
  closes: Endpoint[]
}

export function planListeners(running: Endpoint[], wanted: Endpoint[]): ListenerPlan {
  const runningByKey = new Map(running.map((endpoint) => [endpoint.key, endpoint]))
  const wantedByKey = new Map(wanted.map((endpoint) => [endpoint.key, endpoint]))
  const isKept = (old: Endpoint) => wantedByKey.get(old.key)?.properties === old.properties
  const opens = wanted.filter(
    (endpoint) => runningByKey.get(endpoint.key)?.properties !== endpoint.properties,
  )
  const leaving = running.filter((endpoint) => !isKept(endpoint))
  const neighbours = byPlace(leaving)
  const yields = new Map<string, ListenerPlan['yields'][number]>()
  for (const next of opens) {
    const near = new Set(placesOf(next).flatMap((place) => neighbours.get(place) ?? []))
    for (const old of [...near].filter((candidate) => overlaps(candidate, next))) {
      const restore = old.forward === next.forward && old.key !== next.key
      if (!yields.has(old.key)) yields.set(old.key, { key: old.key, to: next.key, restore })
    }
  }
  return {
    yields: [...yields.values()],
    handOvers: wanted.filter((next) => {
      const old = runningByKey.get(next.key)
      return old !== undefined && isKept(old) && old.forward !== next.forward
    }),
    opens,
    closes: leaving.filter((old) => !yields.has(old.key)),
  }
}

function byPlace(endpoints: readonly Endpoint[]): Map<string, Endpoint[]> {
  const places = new Map<string, Endpoint[]>()
  for (const endpoint of endpoints) {
    for (const place of placesOf(endpoint)) {
      const there = places.get(place)
      if (there) there.push(endpoint)
      else places.set(place, [endpoint])
    }
  }
  return places
}

/** Those that share none of them cannot overlap, so that not each of thousands is compared with each. */
function placesOf({ key, local, remote }: Endpoint): string[] {
  if (local) return [local.kind === 'tcp' ? `port ${local.port}` : key]
  return remote === null ? [key] : [key, `remote ${remote}`]
}

/**
 * True when the two cannot be open at once. Two requests for one port of one server are taken as overlapping:
 * only the server knows its addresses.
 */
export function overlaps(old: Endpoint, next: Endpoint): boolean {
  if (old.key === next.key) return true
  if (old.local !== null && next.local !== null) return socketsOverlap(old.local, next.local)
  return old.remote !== null && old.remote === next.remote
}

/** The endpoints of one forward. A host is asked once for `localhost`, so a remote forward has one. */
export function endpointsOf(forward: WantedForward, hosts: ReadonlyMap<string, WantedHost>): Endpoint[] {
  if (forward.kind === 'remote') return [remoteEndpoint(forward, hosts.get(forward.via))]
  const socket = `${forward.socket.mode} ${forward.socket.replace}`
  return forward.listen.map((address) => ({
    key: formatSocketKey(address),
    forward: forward.name,
    local: address,
    remote: null,
    properties: address.kind === 'unix' ? socket : '',
  }))
}

/** Keys of those that go on listening when the one becomes the other. */
export function keptEndpoints(running: WantedForward, wanted: WantedForward): Set<string> {
  const next = new Map(endpointsOf(wanted, new Map()).map((endpoint) => [endpoint.key, endpoint]))
  const old = endpointsOf(running, new Map())
  return new Set(
    old.filter(({ key, properties }) => next.get(key)?.properties === properties).map(({ key }) => key),
  )
}

/** A port that the server chooses cannot be handed over, so the forward's name is part of its key. */
function remoteEndpoint(forward: WantedRemoteForward, host: WantedHost | undefined): Endpoint {
  const { listen } = forward
  const isAuto = listen.kind === 'tcp' && listen.port === 'auto'
  const key = `remote:${forward.via}:${formatListenSpec(listen)}${isAuto ? `:${forward.name}` : ''}`
  const what = listen.kind === 'unix' ? listen.path : listen.port
  const server = host ? formatHostPort(host.hostname, host.port) : forward.via
  return {
    key,
    forward: forward.name,
    local: null,
    remote: isAuto ? null : `${server} ${what}`,
    properties: forward.gateway ?? '',
  }
}
