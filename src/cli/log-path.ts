// Where a project's log is: one file for all its runs, in the foreground and in the background.

import { join } from 'node:path'
import type { ProjectPlace } from '../control/paths.ts'

export function logPath({ stateDir }: ProjectPlace): string {
  return join(stateDir, 'supervisor.log')
}
