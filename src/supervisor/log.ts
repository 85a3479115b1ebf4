// A supervisor's log: its events as JSON lines, and how it began and ended (pino's only importer). Nothing secret
// can be in it, because nothing but events is: they hold names, states and problems.

import { pino } from 'pino'
import type { Event, LogLevel, LogLine } from '../control/protocol.ts'
import { problemOf } from '../model/problem.ts'
import { openLogFile } from './log-file.ts'
import { levelOf } from './log-level.ts'
import { readLastLines, type Wanted } from './log-tail.ts'
import { createThinner } from './log-thin.ts'

export interface Log {
  /** Never waits, never throws. */
  tell(event: Event): void
  /** What an exception that nobody caught leaves behind; written before this returns. */
  crash(error: unknown): void
  /** Of everything told before this call, and nothing after it, oldest first. Never rejects. */
  lastLines(wanted: Wanted): Promise<LogLine[]>
  /** Resolves when everything is on the disk. Never rejects. */
  close(): Promise<void>
}

export interface LogOptions {
  path: string
  /** What matters less is left out. */
  level: LogLevel
  version: string
}

/** Its first line says who begins. */
export function openLog({ path, level, version }: LogOptions): Log {
  const file = openLogFile(path, {
    lost: (lines) => formatLine('warn', { time: now(), event: 'lost', lines }),
    removed: () => formatLine('warn', { time: now(), event: 'removed', pid: process.pid }),
  })
  const logger = pino(
    { level, base: null, timestamp: false, formatters: { level: (label) => ({ level: label }) } },
    file,
  )
  const thin = createThinner()
  logger.info({ time: now(), event: 'start', pid: process.pid, version })
  return {
    tell: (event) => {
      const told = thin(event)
      if (told) logger[levelOf(told)](told)
    },
    crash: (error) =>
      file.writeNow(formatLine('error', { time: now(), event: 'crash', problem: problemOf(error) })),
    lastLines: (wanted) => file.read((files) => readLastLines(files, wanted).catch(() => [])),
    close: () => file.close(),
  }
}

function now(): string {
  return new Date().toISOString()
}

function formatLine(level: LogLevel, words: object): string {
  return `${JSON.stringify({ level, ...words })}\n`
}
