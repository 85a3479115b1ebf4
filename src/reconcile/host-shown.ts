// What is told of a host: the state of the connection that serves, or of the one that is to come, and beside the former
// that of an attempt at a newer spec, which goes through the same states. Values; why one follows the other is
// host-slot.ts's. Pure.

import type { Problem } from '../model/problem.ts'
import type { Prompt } from '../model/prompt.ts'
import type { HostStatus, NextConnection, State } from '../model/status.ts'
import { formatEndpoint, type WantedHost } from '../model/wanted.ts'

export interface Shown {
  state: State
  since: Date
  problem: Problem | null
  /** What becomes of the attempt at a new spec, while a connection of an older one serves. */
  next: Next | null
}

type Next = Omit<Shown, 'next'>

export function opening(now: Date): Next {
  return { state: 'opening', since: now, problem: null }
}

/** The host itself; nothing is on its way beside it any more. */
export function entered(before: Shown, state: State, problem: Problem | null, now: Date): Shown {
  return { state, since: state === before.state ? before.since : now, problem, next: null }
}

/** What is on its way: also the host, unless a connection of an older spec serves. `problem`: absent: as before. */
export function became(before: Shown, state: State, problem: Problem | undefined, now: Date): Shown {
  const { next } = before
  if (!next) return entered(before, state, problem ?? before.problem, now)
  return { ...before, next: { ...next, state, problem: problem ?? next.problem } }
}

/** With what served gone, the host is where the attempt beside it has come to; a loss alone is retried. */
export function afterLoss({ next }: Shown, loss: Problem): Pick<Shown, 'state' | 'problem'> {
  const state = !next || next.state === 'opening' ? 'retrying' : next.state
  return { state, problem: next?.problem ?? loss }
}

/** The state of what is on its way, where something is. */
export function wayOf({ state, next }: Shown): State {
  return next?.state ?? state
}

export function problemShown({ problem, next }: Shown): Problem | null {
  return next?.problem ?? problem
}

/** `servingEndpoint`: of the connection that serves; null where none does. `more`: what is counted and asked. */
export function hostStatus(
  spec: WantedHost,
  { state, since, problem, next }: Shown,
  servingEndpoint: string | null,
  { prompt, ...more }: Pick<HostStatus, 'rttMs' | 'reconnects' | 'retryAt'> & { prompt: Prompt | null },
): HostStatus {
  const endpoint = servingEndpoint ?? formatEndpoint(spec)
  return {
    name: spec.name,
    endpoint,
    state,
    since: since.toISOString(),
    ...more,
    problem: next?.problem ? stillGoes(spec, endpoint, next.problem) : problem,
    ...(prompt && { prompt }),
    ...(next && { next: nextStatus(spec, next) }),
  }
}

function nextStatus(spec: WantedHost, { state, since }: Next): NextConnection {
  return { endpoint: formatEndpoint(spec), state, since: since.toISOString() }
}

function stillGoes({ name }: WantedHost, endpoint: string, problem: Problem): Problem {
  return { ...problem, summary: `${name} still goes through ${endpoint}: ${problem.summary}` }
}
