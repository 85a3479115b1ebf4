// Follows one running supervisor over its control socket until it ends: looks each second and after each event, reads the
// log as it is written, and compares the file with what runs when either may have changed.

import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { ControlClient } from '../control/client.ts'
import type { LogLine } from '../control/protocol.ts'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { Status } from '../model/status.ts'
import { wordLogLine } from '../view/log.ts'
import { wordChange } from '../view/plan.ts'
import { makePrintable } from '../view/printable.ts'
import { formatTrust } from '../view/trust.ts'
import type { LogEntry, PlanNews } from './news.ts'
import { takeTurns } from './turns.ts'

export interface Followed {
  look(status: Status): void
  /** Those of the time before come first, all at once. */
  log(lines: LogEntry[]): void
  plan(plan: PlanNews): void
}

const LOOK = { everyMs: 1_000, restMs: 100 }
/** A file is looked at each second; what else decides (the ssh configuration) without a word, now and then. */
const PLAN = { everyMs: 30_000, restMs: 500 }
const LOG_LINES = 200

/** Resolves with why it cannot be followed any more; null when the signal fired. Never rejects. */
export async function follow(
  client: ControlClient,
  tell: Followed,
  signal: AbortSignal,
): Promise<Problem | null> {
  const over = new AbortController()
  const both = AbortSignal.any([signal, over.signal])
  try {
    return await Promise.race([watch(client, tell, both), aborted(signal)])
  } catch (error) {
    return problemOf(error)
  } finally {
    over.abort()
  }
}

async function watch(client: ControlClient, tell: Followed, signal: AbortSignal): Promise<Problem> {
  const events = await client.openEvents(signal)
  const lines = await client.openLogs(
    { lines: LOG_LINES, since: null, names: [], level: 'info', follow: true },
    signal,
  )
  return new Promise((resolve, reject) => {
    let seen = ''
    const look = async () => {
      const status = await client.status()
      if (signal.aborted) return
      tell.look(status)
      const now = await filesAsTheyAre(status)
      if (now !== seen) planSoon()
      seen = now
    }
    const plan = async () => {
      const plan = await planOf(client)
      if (!signal.aborted) tell.plan(plan)
    }
    // How it ended, the stream of events says.
    const failed = (error: unknown) => (problemOf(error).code === 'NOT_RUNNING' ? undefined : reject(error))
    const planSoon = takeTurns(() => plan().catch(failed), PLAN, signal)
    const lookSoon = takeTurns(() => look().catch(failed), LOOK, signal)
    const read = async (): Promise<Problem> => {
      for await (const { event } of events) {
        lookSoon()
        if (event === 'plan' || event === 'config') planSoon()
      }
      return ENDED
    }
    readLog(lines, tell, signal).catch(() => {})
    read().then(resolve, reject)
  })
}

const ENDED: Problem = {
  code: 'NOT_RUNNING',
  summary: 'The supervisor has ended',
  hint: '`tunnels up` starts it again',
}

const BATCH_MS = 50

/** Lines come one by one, and a page is told of many at once. */
async function readLog(lines: AsyncIterable<LogLine>, tell: Followed, signal: AbortSignal): Promise<void> {
  let batch: LogEntry[] = []
  const send = () => {
    if (!signal.aborted) tell.log(batch)
    batch = []
  }
  for await (const line of lines) {
    if (batch.length === 0) setTimeout(send, BATCH_MS)
    batch.push(entryOf(line))
  }
}

function entryOf(line: LogLine): LogEntry {
  const { time, level } = line
  return { time, level, name: 'name' in line ? line.name : null, texts: wordLogLine(line, false) }
}

async function planOf(client: ControlClient): Promise<PlanNews> {
  const { forwards } = await client.addresses()
  const closed = forwards.filter(({ selected }) => !selected)
  const news = { closed: closed.map(({ name, kind, via }) => ({ name, kind, via })) }
  try {
    const { waiting } = await client.trust()
    const { changes } = await client.plan()
    return {
      ...news,
      problems: [],
      waiting: formatTrust(waiting, { color: false, all: false, cwd: '/' }).map((line) => line.trim()),
      changes: changes.map((change) => {
        const { action, what, name } = change
        return { action, what, name: makePrintable(name), why: wordChange(change) }
      }),
    }
  } catch (error) {
    const problems = error instanceof ProblemError ? [...error.problems] : [problemOf(error)]
    if (problems.some(({ code }) => code === 'NOT_RUNNING')) throw error
    return { ...news, changes: [], waiting: [], problems }
  }
}

/** Changes when a file does, or comes or goes. */
async function filesAsTheyAre({ files }: Status): Promise<string> {
  const first = files[0]
  const all = first ? [...files, join(dirname(first), '.env')] : []
  const looks = all.map(async (file) => {
    const found = await stat(file).catch(() => null)
    return found ? `${found.ino} ${found.size} ${found.mtimeMs}` : '-'
  })
  return (await Promise.all(looks)).join('\n')
}

function aborted(signal: AbortSignal): Promise<null> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(null)
    signal.addEventListener('abort', () => resolve(null), { once: true })
  })
}
