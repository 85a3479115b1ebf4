// A line of the log for people: when, and what an event line says.

import type { LogLine } from '../control/protocol.ts'
import { formatPlace, wordEvent } from './event.ts'
import { makePrintable } from './printable.ts'
import { paint } from './state.ts'

/** Each ends without a line feed. Local time, with the date: a log is read days later; `isRecent`: without. */
export function formatLogLine(
  line: LogLine,
  { color, isRecent = false }: { color: boolean; isRecent?: boolean },
): string[] {
  const date = new Date(line.time)
  const time = paint(isRecent ? formatClock(date) : `${formatDay(date)} ${formatClock(date)}`, 'dim', color)
  return wordLogLine(line, color).map((words) => `${time} ${words}`)
}

/** The same without the time. */
export function wordLogLine(line: LogLine, color: boolean): string[] {
  switch (line.event) {
    case 'start':
      return [`tunnels ${makePrintable(line.version)} begins (process ${line.pid})`]
    case 'crash': {
      const { summary, detail = '' } = line.problem
      return [paint(makePrintable(summary), 'red', color), ...detail.split('\n').map(makePrintable)]
    }
    case 'lost':
      return [`${line.lines} lines were lost: the disk did not keep up`]
    case 'removed':
      return [`the log was removed; process ${line.pid} goes on in a new one`]
    case 'output':
      return [makePrintable(line.text)]
    case 'config':
      return line.state === 'current' ? ['the file was taken', ...warnings(line)] : wordEvent(line, color)
    default:
      return wordEvent(line, color)
  }
}

/** What is worth a look in a file that is good all the same. */
function warnings({ problems }: Extract<LogLine, { event: 'config' }>): string[] {
  return problems.map((problem) => `warning: ${formatPlace(problem)}${makePrintable(problem.summary)}`)
}

function formatDay(date: Date): string {
  const parts = [date.getFullYear(), date.getMonth() + 1, date.getDate()]
  return parts.map((part) => String(part).padStart(2, '0')).join('-')
}

function formatClock(date: Date): string {
  return date.toLocaleTimeString('en-GB', { hour12: false })
}
