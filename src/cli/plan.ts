// `tunnels plan`: what `up` would change against what runs now, and why. Changes nothing itself.

import type { ControlClient } from '../control/client.ts'
import type { TrustItem } from '../model/trust.ts'
import type { PlanJson } from '../plan/plan.ts'
import { formatJson } from '../view/json.ts'
import { formatPlan } from '../view/plan.ts'
import { formatTrust } from '../view/trust.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { findRunning } from './project.ts'
import { loadSelection, showFurther } from './selection.ts'

export interface PlanArguments {
  names: string[]
  detailedExitcode: boolean
  /** As `up --dry-run`: never the running selection alone. */
  asUp: boolean
}

export async function plan(invocation: Invocation, args: PlanArguments): Promise<number> {
  const found = await makePlan(invocation, args)
  // With --detailed-exitcode 2 means changes, so an error can only be 1.
  if (!found) return args.detailedExitcode ? EXIT.failed : EXIT.usage
  const { options, terminal } = invocation
  const text = options.json ? `${formatJson(found)}\n` : formatPlan(found, { color: terminal.color.out })
  if (options.json || !options.quiet) terminal.print(text)
  return args.detailedExitcode && found.changes.length > 0 ? 2 : EXIT.fine
}

async function makePlan(invocation: Invocation, { names, asUp }: PlanArguments): Promise<PlanJson | null> {
  const client = await findRunning(invocation)
  const asksAsUp = asUp || names.length > 0 || invocation.options.profiles.length > 0
  if (client && !asksAsUp) {
    noteWaiting(invocation, (await client.trust()).waiting)
    return client.plan()
  }
  return planAsUp(invocation, client, names)
}

async function planAsUp(
  invocation: Invocation,
  client: ControlClient | null,
  names: string[],
): Promise<PlanJson | null> {
  const loaded = await loadSelection(invocation, names.length > 0 ? names : null)
  if (!loaded) return null
  const { project, selection } = loaded
  if (client) {
    noteWaiting(invocation, (await client.trust({ selection })).waiting)
    return client.plan({ selection })
  }
  if (project.trust.length > 0) {
    const { waitingFor } = await import('../supervisor/load-wanted.ts')
    noteWaiting(invocation, await waitingFor(loaded.read, selection))
  }
  const { planFirst } = await import('../supervisor/plan-first.ts')
  const first = await planFirst(loaded.read, selection)
  showFurther(invocation, first.problems, loaded)
  return first.plan
}

/** A plan does nothing of it; `up` asks. */
function noteWaiting(invocation: Invocation, waiting: readonly TrustItem[]): void {
  const { terminal } = invocation
  if (waiting.length === 0) return
  terminal.note('`tunnels up` asks first whether the files may do this:')
  for (const line of formatTrust(waiting, { color: terminal.color.err, all: false, cwd: invocation.cwd }))
    terminal.note(line)
}
