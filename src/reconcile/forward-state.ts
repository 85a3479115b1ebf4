// The one word for a forward: what its listeners and its host are, put together. Pure.

import type { Problem } from '../model/problem.ts'
import type { State } from '../model/status.ts'
import type { BindingState } from './binding.ts'

export interface Part {
  state: State | BindingState
  problem: Problem | null
}

export interface ForwardState {
  state: State
  problem: Problem | null
}

/** What a person should hear of first. */
const worstFirst: State[] = ['failed', 'waiting', 'retrying', 'opening', 'idle']

/** Open when it listens and its host is connected; else whatever is worst of the two. */
export function forwardState(host: Part, bindings: readonly Part[]): ForwardState {
  for (const state of worstFirst) {
    const part = [...bindings, host].find((candidate) => candidate.state === state)
    if (part) return { state, problem: part.problem }
  }
  return { state: 'open', problem: bindings.find((binding) => binding.problem)?.problem ?? null }
}
