// `tunnels logs`: what the running supervisor has told, and with --follow what it tells from now on.

import { existsSync } from 'node:fs'
import { parseDuration } from '../config/duration.ts'
import type { ControlClient } from '../control/client.ts'
import type { LogLine, LogsRequest } from '../control/protocol.ts'
import { ProblemError } from '../model/problem.ts'
import { formatJson } from '../view/json.ts'
import { formatLogLine } from '../view/log.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { logPath } from './log-path.ts'
import { refuseUnknownNames } from './named.ts'
import { findPlace, findRunning, notRunning } from './project.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'

export interface LogsArguments {
  names: string[]
  follow: boolean
  /** A number, or `all`; null: what is readable at once, or with `since` all of it. */
  lines: string | null
  /** A duration as the file writes it, or a time; null: from the beginning. */
  since: string | null
}

export async function logs(invocation: Invocation, args: LogsArguments): Promise<number> {
  const request = requestOf(invocation, args)
  const client = await findRunning(invocation)
  if (!client) throw await nothingRuns(invocation)
  const leaving = new AbortController()
  const signals = listenForSignals(() => {})
  try {
    await refuseStrangers(client, request, leaving.signal)
    const lines = await client.openLogs(request, leaving.signal)
    const ending = await Promise.race([print(invocation, lines), signals.first])
    if (typeof ending === 'string') return signalExitCodes[ending]
    if (ending === 0) invocation.terminal.note(whyNothing(args))
    if (args.follow) invocation.terminal.note('The supervisor has ended')
    return EXIT.fine
  } finally {
    leaving.abort()
    signals.stop()
  }
}

/** Resolves with how many there were. */
async function print({ options, terminal }: Invocation, lines: AsyncIterable<LogLine>): Promise<number> {
  let count = 0
  for await (const line of lines) {
    count += 1
    const texts = options.json ? [formatJson(line)] : formatLogLine(line, { color: terminal.color.out })
    for (const text of texts) terminal.print(`${text}\n`)
  }
  return count
}

/** Each log begins with who began it, so one without a line is none. */
function whyNothing({ names, since, lines }: LogsArguments): string {
  if (names.length > 0 || since !== null || lines === '0') return 'The log has nothing of that'
  return 'There is no log: the supervisor cannot write it (`tunnels up` says why)'
}

function requestOf({ options }: Invocation, { names, follow, lines, since }: LogsArguments): LogsRequest {
  return {
    names,
    follow,
    lines: linesOf(lines ?? (since === null ? '100' : 'all')),
    since: since === null ? null : timeOf(since),
    level: options.verbose ? 'debug' : 'info',
  }
}

function linesOf(text: string): number | null {
  if (text === 'all') return null
  if (/^\d{1,9}$/.test(text)) return Number(text)
  throw usage('--lines must be a number or all')
}

function timeOf(text: string): string {
  const duration = parseDuration(text)
  if (duration.ok) return new Date(Date.now() - duration.value).toISOString()
  const time = Date.parse(text)
  if (Number.isNaN(time))
    throw usage('--since must be a duration such as 10m, or a time such as 2026-03-01T12:00')
  return new Date(time).toISOString()
}

function usage(summary: string): ProblemError {
  return new ProblemError({ code: 'USAGE', summary })
}

/** A forward that is gone may still be in the log; a name that is nowhere is a mistake. */
async function refuseStrangers(
  client: ControlClient,
  { names }: LogsRequest,
  signal: AbortSignal,
): Promise<void> {
  if (names.length === 0) return
  const status = await client.status()
  const inLog = async (name: string) => {
    const about = { names: [name], lines: 1, since: null, level: 'debug', follow: false } as const
    for await (const _ of await client.openLogs({ ...about, names: [name] }, signal)) return true
    return false
  }
  const seen = await Promise.all(names.map(inLog))
  refuseUnknownNames(
    status,
    names.filter((_, index) => !seen[index]),
  )
}

async function nothingRuns(invocation: Invocation): Promise<ProblemError> {
  const place = await findPlace(invocation)
  const path = place && logPath(place)
  const hint = path && existsSync(path) ? `What the last run has told is in ${path}` : undefined
  return notRunning(invocation, hint)
}
