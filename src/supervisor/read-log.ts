// Answers a question about the log: what is in the file, then what happens, told once each.

import type { Event, LogLevel, LogLine, LogsRequest } from '../control/protocol.ts'
import type { Status } from '../model/status.ts'
import type { Log } from './log.ts'
import { levelOf } from './log-level.ts'
import { createThinner } from './log-thin.ts'

export interface LogSource {
  /** Null: none is kept. */
  log: Log | null
  status(): Status
  watchEvents(listener: (event: Event) => void): () => void
}

/** As {@link Control.readLog} says. */
export async function readLog(
  source: LogSource,
  request: LogsRequest,
  tell: (line: LogLine) => void,
  signal: AbortSignal,
): Promise<void> {
  let names = namesOf(source, request)
  const isMeant = (line: LogLine) => isLoudEnough(line, request.level) && isAbout(line, names)
  // Who asks for each connection gets each.
  const thin = request.level === 'debug' ? (event: Event) => event : createThinner()
  const early: LogLine[] = []
  let tellLive: typeof tell = (line) => void early.push(line)
  const stop = source.watchEvents((event) => {
    if (event.event === 'plan') names = namesOf(source, request)
    const told = request.follow ? thin(event) : null
    const line = told && { level: levelOf(told), ...told }
    if (line && isMeant(line)) tellLive(line)
  })
  try {
    const { lines, since } = request
    for (const line of (await source.log?.lastLines({ lines, since, isMeant })) ?? []) tell(line)
    for (const line of early) tell(line)
    tellLive = tell
    if (request.follow) await fired(signal)
  } finally {
    stop()
  }
}

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

function isLoudEnough(line: LogLine, level: LogLevel): boolean {
  return levels.indexOf(line.level) >= levels.indexOf(level)
}

/** A line is about a forward also when it is a plan that changes it; about a host, when it is about a forward via it. */
function isAbout(line: LogLine, names: ReadonlySet<string> | null): boolean {
  if (!names) return true
  if ('name' in line) return names.has(line.name)
  return line.event === 'plan' && line.plan.changes.some(({ name }) => names.has(name))
}

/** Those of now: a plan may bring a forward to a host. */
function namesOf({ status }: LogSource, { names }: LogsRequest): ReadonlySet<string> | null {
  if (names.length === 0) return null
  const via = status().forwards.filter((forward) => names.includes(forward.via))
  return new Set([...names, ...via.map(({ name }) => name)])
}

function fired(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
