// What `up` would do where nothing runs: of a project that is loaded already, and without the half of the program
// that does things.

import type { Selection } from '../control/protocol.ts'
import { type PlanJson, toPlanJson } from '../plan/plan.ts'
import { makePlan } from '../plan/planner.ts'
import { nothingRuns } from '../plan/snapshot.ts'
import { type Read, resolveWanted } from './load-wanted.ts'

/** Rejects with a ProblemError when ports of `auto` cannot be remembered. */
export async function planFirst(read: Read, selection: Selection): Promise<PlanJson> {
  const { wanted } = await resolveWanted(read, selection)
  return toPlanJson(read.project.name, makePlan(wanted, nothingRuns))
}
