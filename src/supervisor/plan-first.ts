// What `up` would do where nothing runs: of files that are read already, and without the half of the program that
// does things.

import type { Selection } from '../control/protocol.ts'
import type { Problem } from '../model/problem.ts'
import { type PlanJson, toPlanJson } from '../plan/plan.ts'
import { makePlan } from '../plan/planner.ts'
import { nothingRuns } from '../plan/snapshot.ts'
import { loadWanted, type ReadFiles } from './load-wanted.ts'

/** `problems`: warnings, those of the files among them. Rejects with a ProblemError as {@link loadWanted} does. */
export async function planFirst(
  read: ReadFiles,
  selection: Selection,
): Promise<{ plan: PlanJson; problems: Problem[] }> {
  const { project, wanted, warnings } = await loadWanted(selection, { read, untrusted: 'touch nothing' })
  return { plan: toPlanJson(project.name, makePlan(wanted, nothingRuns)), problems: warnings }
}
