// A log for as long as this process supervises: what it tells, and what nobody caught.

import { setTimeout as delay } from 'node:timers/promises'
import type { ProjectPlace } from '../control/paths.ts'
import { type Log, openLog } from '../supervisor/log.ts'
import { logPath } from './log-path.ts'

export interface Keeping {
  log: Log
  /** Resolves when everything is written, or when the disk has had its time. Never rejects. */
  stop(): Promise<void>
}

/** A disk that hangs must not keep the process. */
const PATIENCE_MS = 2_000

/** `verbose`: each connection, too. */
export function keepLog(place: ProjectPlace, options: { verbose: boolean; version: string }): Keeping {
  const { verbose, version } = options
  const log = openLog({ path: logPath(place), level: verbose ? 'debug' : 'info', version })
  // Only listens: the process dies of it as it would without us.
  process.on('uncaughtExceptionMonitor', log.crash)
  return {
    log,
    stop: async () => {
      process.off('uncaughtExceptionMonitor', log.crash)
      await Promise.race([log.close(), delay(PATIENCE_MS, undefined, { ref: false })])
    },
  }
}
