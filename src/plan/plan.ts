// What would change, as a value that a person reads and a test compares: the changes for people, and the
// steps that carry them out, in order. The cause explains a change, it never decides one.

import type { WantedForward, WantedHost } from '../model/wanted.ts'

export type PlanAction = 'open' | 'update' | 'reopen' | 'close'
/** What is opened is `declared`: just written, or in the file all along and only selected by now. */
export type PlanCause = 'declared' | 'removed' | 'deselected' | 'changed' | 'needed' | 'unused'

export interface PlanChange {
  action: PlanAction
  what: 'host' | 'forward'
  name: string
  cause: PlanCause
  /** In the file's words: `to`, `identity_file`. */
  fields: string[]
  /** Open connections that will drain or be cut. */
  interrupts: number
}

/** `tunnels plan --json`. */
export interface PlanJson {
  project: string
  changes: PlanChange[]
  summary: Record<PlanAction, number>
}

/**
 * One thing to start. Steps come in the order in which they are done: hosts, listeners that must give way,
 * forwards, listeners, what is left over. None of them waits for a network.
 */
export type Step =
  | { do: 'open-host'; host: WantedHost }
  | { do: 'update-host'; host: WantedHost }
  | { do: 'reopen-host'; host: WantedHost }
  /** `restore`: opened again when what it gives way to cannot open. */
  | { do: 'yield-listener'; key: string; to: string; restore: boolean }
  | { do: 'open-forward'; forward: WantedForward }
  | { do: 'update-forward'; forward: WantedForward; changed: ForwardChange[] }
  | { do: 'reopen-forward'; forward: WantedForward }
  /** The same socket, another forward: it never stops listening. */
  | { do: 'hand-over-listener'; key: string; forward: string }
  | { do: 'open-listener'; key: string; forward: string }
  | { do: 'close-listener'; key: string; forward: string }
  | { do: 'close-forward'; name: string }
  | { do: 'close-host'; name: string }

/** What an update of a forward means for its connections: see Traffic.setRoute. */
export type ForwardChange = 'limits' | 'policy' | 'route' | 'listen'

export interface Plan {
  changes: PlanChange[]
  steps: Step[]
}

export function isEmpty(plan: Plan): boolean {
  return plan.steps.length === 0
}

export function toPlanJson(project: string, plan: Plan): PlanJson {
  const summary: Record<PlanAction, number> = { open: 0, update: 0, reopen: 0, close: 0 }
  for (const change of plan.changes) summary[change.action] += 1
  return { project, changes: plan.changes, summary }
}

/** One line a step, for tests and for `-v`. */
export function formatSteps(plan: Plan): string {
  return plan.steps.map(formatStep).join('\n')
}

function formatStep(step: Step): string {
  switch (step.do) {
    case 'open-host':
    case 'update-host':
    case 'reopen-host':
      return `${step.do} ${step.host.name}`
    case 'yield-listener':
      return `${step.do} ${step.key} to ${step.to}${step.restore ? ', restored on failure' : ''}`
    case 'open-forward':
    case 'reopen-forward':
      return `${step.do} ${step.forward.name}`
    case 'update-forward':
      return `${step.do} ${step.forward.name} (${step.changed.join(', ')})`
    case 'hand-over-listener':
    case 'open-listener':
    case 'close-listener':
      return `${step.do} ${step.key} for ${step.forward}`
    case 'close-forward':
    case 'close-host':
      return `${step.do} ${step.name}`
  }
}
