// Where a project's log is, one file for all its runs, in the foreground and in the background; and whether it
// can be written.

import { closeSync, constants, openSync } from 'node:fs'
import { join } from 'node:path'
import type { ProjectPlace } from '../control/paths.ts'
import { makeFolderSync } from '../files/make-folder.ts'
import { unwritableState } from '../model/state-folder.ts'
import type { Invocation } from './invocation.ts'
import { showProblems } from './selection.ts'

export function logPath({ stateDir }: ProjectPlace): string {
  return join(stateDir, 'supervisor.log')
}

/** A named pipe in its place must not keep us waiting until somebody reads it. */
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND | constants.O_NONBLOCK

/** A descriptor at the log's end, for the caller to close; null when it cannot be written, which has then been said. */
export function openLogEnd(invocation: Invocation, place: ProjectPlace): number | null {
  try {
    makeFolderSync(place.stateDir)
    return openSync(logPath(place), APPEND, 0o600)
  } catch (error) {
    // Tunnels without a log are better than none.
    const problem = unwritableState('No log is kept', logPath(place), error)
    showProblems(invocation, [{ ...problem, severity: 'warning' }])
    return null
  }
}

/** Says it when no log can be kept. */
export function checkLog(invocation: Invocation, place: ProjectPlace): void {
  const log = openLogEnd(invocation, place)
  if (log !== null) closeSync(log)
}
