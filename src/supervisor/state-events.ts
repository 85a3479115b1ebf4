// Turns two looks at the world into events: what is in another state, has another problem, or asks something else
// than before.

import type { Event } from '../control/protocol.ts'
import type { Problem } from '../model/problem.ts'
import type { Prompt } from '../model/prompt.ts'
import type { ForwardStatus, HostStatus, NextConnection, State } from '../model/status.ts'

interface Looks {
  state: State
  problem: Problem | null
  health?: ForwardStatus['health']
  prompt?: Prompt
  next?: NextConnection
}

/** By what and name: `host acme`, `forward web`. */
export type Seen = ReadonlyMap<string, Looks>

export interface World {
  hosts: readonly HostStatus[]
  forwards: readonly ForwardStatus[]
}

/** A forward that drains may have the name of one that is open: then that one is meant. */
export function see({ hosts, forwards }: World): Seen {
  const goingFirst = [
    ...forwards.filter(({ state }) => state === 'draining'),
    ...forwards.filter(({ state }) => state !== 'draining'),
  ]
  return new Map<string, Looks>([
    ...hosts.map((host) => [`host ${host.name}`, host] as const),
    ...goingFirst.map((forward) => [`forward ${forward.name}`, forward] as const),
  ])
}

export function stateEvents(before: Seen, world: World, time: string): Event[] {
  const events: Event[] = []
  const now = see(world)
  for (const [key, look] of now) {
    const { state, problem, prompt, health = 'unknown' } = look
    const known = health === 'unknown' ? {} : { health }
    const previous = before.get(key)
    if (!previous || isNews(previous, look))
      events.push({ time, event: 'state', ...split(key), state, ...known, problem })
    if (previous?.prompt?.id !== prompt?.id)
      events.push({ time, event: 'prompt', what: 'host', name: split(key).name, prompt: prompt ?? null })
  }
  for (const key of before.keys()) {
    if (!now.has(key)) events.push({ time, event: 'state', ...split(key), state: 'closed', problem: null })
  }
  return events
}

function isNews(before: Looks, now: Looks): boolean {
  if (before.state !== now.state || before.problem?.code !== now.problem?.code) return true
  if (before.health !== now.health) return true
  // What is to take the place of a connection has done so, or has come to something.
  return before.next?.state !== now.next?.state && now.next?.state !== 'opening'
}

function split(key: string): { what: 'host' | 'forward'; name: string } {
  const [what, name] = [key.slice(0, key.indexOf(' ')), key.slice(key.indexOf(' ') + 1)]
  return { what: what === 'host' ? 'host' : 'forward', name }
}
