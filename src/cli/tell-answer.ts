// What a supervisor did when it was asked to do something: its plan, as text or as JSON.

import type { ReconcileAnswer } from '../control/protocol.ts'
import { formatJson } from '../view/json.ts'
import { formatPlan } from '../view/plan.ts'
import type { Invocation } from './invocation.ts'

export function tellAnswer({ options, terminal }: Invocation, { plan }: ReconcileAnswer): void {
  if (options.json) return terminal.print(`${formatJson(plan)}\n`)
  terminal.note(formatPlan(plan, { color: terminal.color.err }).trimEnd())
}
