// Turns two looks at the world into events: what is in another state, or has another problem, than before.

import type { Event } from '../control/protocol.ts'
import type { Problem } from '../model/problem.ts'
import type { ForwardStatus, HostStatus, State } from '../model/status.ts'

export type Seen = ReadonlyMap<string, { state: State; problem: Problem | null }>

export interface World {
  hosts: readonly HostStatus[]
  forwards: readonly ForwardStatus[]
}

export function see(world: World): Seen {
  const seen = new Map<string, { state: State; problem: Problem | null }>()
  for (const host of world.hosts) seen.set(`host ${host.name}`, host)
  for (const forward of world.forwards) seen.set(`forward ${forward.name}`, forward)
  return seen
}

export function stateEvents(before: Seen, world: World, time: string): Event[] {
  const events: Event[] = []
  const now = see(world)
  for (const [key, { state, problem }] of now) {
    const previous = before.get(key)
    if (previous?.state === state && previous.problem?.code === problem?.code) continue
    events.push({ time, event: 'state', ...split(key), state, problem })
  }
  for (const key of before.keys()) {
    if (!now.has(key)) events.push({ time, event: 'state', ...split(key), state: 'closed', problem: null })
  }
  return events
}

function split(key: string): { what: 'host' | 'forward'; name: string } {
  const [what, name] = [key.slice(0, key.indexOf(' ')), key.slice(key.indexOf(' ') + 1)]
  return { what: what === 'host' ? 'host' : 'forward', name }
}
