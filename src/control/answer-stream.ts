// Answers that go on: lines of JSON until the supervisor has no more to say, or nobody listens any more.

import type { IncomingMessage } from 'node:http'
import { createInterface } from 'node:readline'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import { asProblem, type Question, readText, send } from './ask.ts'
import { brokenOff } from './broken-off.ts'
import type { LockHolder } from './lock.ts'
import type { ErrorAnswer, LeaseAnswer } from './protocol.ts'

type Lasting = Question & { signal: AbortSignal }

export interface HeldLease {
  answer: LeaseAnswer
  /** Resolves when it is held no more: the supervisor has ended, or (with a problem) is gone without a word. Never rejects. */
  readonly over: Promise<Problem | null>
}

type LeaseLine = ({ event: 'lease' } & LeaseAnswer) | { event: 'end' }

/** Resolves once the stream is open. Ends with it, or when the signal fires. */
export async function askLines<Line extends { event: string }>(
  question: Lasting,
): Promise<AsyncGenerator<Line>> {
  return readLines<Line>(await openStream(question), question.holder, question.signal)
}

export async function askLease(question: Lasting): Promise<HeldLease> {
  return readLease(await askLines<LeaseLine>(question))
}

/** `timeoutMs`: until it is open; then it lasts until `signal` fires. */
export async function openStream(question: Lasting): Promise<IncomingMessage> {
  const { holder, signal, timeoutMs } = question
  const opening = new AbortController()
  const timer = setTimeout(() => opening.abort(), timeoutMs)
  try {
    const response = await send(question, AbortSignal.any([signal, opening.signal]))
    if (response.statusCode === 200) return response
    throw new ProblemError((JSON.parse(await readText(response)) as ErrorAnswer).problems)
  } catch (error) {
    throw asProblem(error, holder, opening.signal.aborted)
  } finally {
    clearTimeout(timer)
  }
}

/** Ends with the stream, or when the signal fires. Rejects when it breaks off before its end: who wrote it is gone. */
async function* readLines<Line extends { event: string }>(
  response: IncomingMessage,
  { socket, info }: LockHolder,
  signal: AbortSignal,
): AsyncGenerator<Line> {
  // Of what broke off before anybody read it, lines would be waited for without end.
  const lines = response.destroyed ? [] : linesOf(response)
  let isOver = false
  try {
    for await (const text of lines) {
      const line = parseLine<Line>(text)
      if (line === null) break
      isOver = line.event === 'end'
      yield line
    }
  } catch {
    // Broken off.
  }
  if (isOver || response.complete || signal.aborted) return
  throw new ProblemError(await brokenOff({ socket, pid: info?.pid ?? null }))
}

function linesOf(response: IncomingMessage): AsyncIterable<string> {
  const lines = createInterface({ input: response, crlfDelay: Number.POSITIVE_INFINITY })
  response.on('error', () => lines.close())
  return lines
}

/** The first line has been written with the header: it is there, or the supervisor is gone. */
async function readLease(lines: AsyncGenerator<LeaseLine>): Promise<HeldLease> {
  const first = await lines.next()
  if (first.done || first.value.event !== 'lease')
    throw new ProblemError({ code: 'NOT_RUNNING', summary: 'The supervisor is ending' })
  const over = lines.next().then(() => null, problemOf)
  return { answer: first.value, over }
}

/** Null for half a line: nobody is there any more to write the rest of it. */
function parseLine<Line>(text: string): Line | null {
  try {
    return JSON.parse(text) as Line
  } catch {
    return null
  }
}
