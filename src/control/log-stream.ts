// GET /v1/logs: what is asked for, and the lines on their way to one client, a JSON value a line.

import type { ServerResponse } from 'node:http'
import type { Control, LogLevel, LogLine, LogsRequest } from './protocol.ts'
import { RefusedRequest } from './request-body.ts'

/** More than the log itself can hold; a client that is still further behind does not read. */
const BACKLOG_BYTES = 16 * 1024 * 1024

const levels: readonly LogLevel[] = ['debug', 'info', 'warn', 'error']

/** Rejects what is not understood as {@link RefusedRequest}. */
export function parseLogsRequest(query: URLSearchParams): LogsRequest {
  const [lines, since, level, follow] = ['lines', 'since', 'level', 'follow'].map((key) => query.get(key))
  if (lines && !/^\d{1,9}$/.test(lines)) throw refused('lines is a number')
  if (since && Number.isNaN(Date.parse(since))) throw refused('since is a time (ISO 8601)')
  if (level && !levels.includes(level as LogLevel)) throw refused(`level is one of ${levels.join(', ')}`)
  if (follow && !['true', 'false'].includes(follow)) throw refused('follow is true or false')
  return {
    lines: lines ? Number(lines) : null,
    since: since ? new Date(since).toISOString() : null,
    names: query.getAll('name'),
    level: (level as LogLevel | null) ?? 'info',
    follow: follow === 'true',
  }
}

export function formatLogsRequest({ lines, since, names, level, follow }: LogsRequest): string {
  const query = new URLSearchParams({ level, follow: String(follow) })
  if (lines !== null) query.set('lines', String(lines))
  if (since !== null) query.set('since', since)
  for (const name of names) query.append('name', name)
  return query.toString()
}

/** Resolves when the last line has been handed over: at the end of the log, or when the client leaves or `closing` fires. */
export async function streamLog(
  control: Control,
  request: LogsRequest,
  response: ServerResponse,
  closing: AbortSignal,
): Promise<void> {
  const left = new AbortController()
  response.once('close', () => left.abort())
  const tell = (line: LogLine) => {
    response.write(`${JSON.stringify(line)}\n`)
    if (response.writableLength > BACKLOG_BYTES) response.destroy()
  }
  response.flushHeaders()
  await control.readLog(request, tell, AbortSignal.any([left.signal, closing]))
  response.end()
}

function refused(summary: string): RefusedRequest {
  return new RefusedRequest(400, { code: 'USAGE', summary })
}
