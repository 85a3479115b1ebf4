// How much each event matters to who reads the log afterwards.

import type { Event, LogLevel } from '../control/protocol.ts'
import { isOrdinary } from './log-thin.ts'

export function levelOf(event: Event): LogLevel {
  switch (event.event) {
    case 'state':
      if (!event.problem) return 'info'
      return event.state === 'failed' ? 'error' : 'warn'
    case 'config':
      return event.problems.length > 0 || event.state !== 'current' ? 'warn' : 'info'
    case 'problem':
    case 'prompt':
      return 'warn'
    case 'connection':
      return isOrdinary(event) ? 'debug' : 'info'
    case 'plan':
    case 'end':
      return 'info'
  }
}
