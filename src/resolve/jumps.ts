// Which connection leads to which: each host once for every way that it is reached in. A host that is reached in two
// ways is two connections.

import { type Problem, ProblemError } from '../model/problem.ts'
import type { KnownHost } from './gather-hosts.ts'

/** One connection: `jump` is the name of the one that it goes through. */
export interface Way {
  name: string
  known: KnownHost
  jump: string | null
}

/** Whoever needs more hosts on the way has made a mistake, and ssh an unusable connection. */
const MOST_HOPS = 16

/** By name, jumps before what they lead to. Throws a ProblemError (CONFIG_REFERENCE) for a way that never ends. */
export function findWays(
  hosts: ReadonlyMap<string, KnownHost>,
  destinations: Iterable<string>,
): Map<string, Way> {
  const ways = new Map<string, Way>()
  for (const destination of destinations) addHost(destination, null, [])
  return ways

  /** `behind`: the host that the way leads through, where the way there says so; null: as the host itself says. */
  function addHost(destination: string, behind: string | null, trail: readonly string[]): string {
    const known = hosts.get(destination)!
    const name = behind === null ? destination : `${destination} via ${behind}`
    if (ways.has(name)) return name
    if (trail.includes(name) || trail.length > MOST_HOPS)
      throw new ProblemError(endless(known, [...trail, name]))
    const jump = behind ?? addJumps(known.spec.proxyJump ?? [], [...trail, name])
    ways.set(name, { name, known, jump })
    return name
  }

  /**
   * ProxyJump of ssh_config(5): the first hop is reached as it says itself, each further one through the one
   * before. A hop that would go that way anyway is shared under its own name.
   */
  function addJumps(jumps: readonly string[], trail: readonly string[]): string | null {
    let behind: string | null = null
    for (const jump of jumps) {
      const own = hosts.get(jump)?.spec.proxyJump ?? []
      const isOwnWay = behind === null || (own.length === 1 && own[0] === behind)
      behind = addHost(jump, isOwnWay ? null : behind, trail)
    }
    return behind
  }
}

function endless({ own }: KnownHost, trail: string[]): Problem {
  const isLoop = trail.indexOf(trail.at(-1)!) < trail.length - 1
  return {
    code: 'CONFIG_REFERENCE',
    summary: isLoop
      ? `The way to ${trail[0]} leads in a loop: ${trail.join(' → ')}`
      : `The way to ${trail[0]} leads through more than ${MOST_HOPS} hosts`,
    hint: 'Write proxy_jump: none under the host that is reached straight, or ProxyJump none in your ssh configuration',
    ...(own.at && { at: own.at }),
  }
}
