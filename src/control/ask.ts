// One question to a supervisor, over HTTP on its Unix socket, and what an answer that does not come means.

import { type IncomingMessage, request } from 'node:http'
import { withDeadline } from '../model/deadline.ts'
import { ProblemError } from '../model/problem.ts'
import type { LockHolder } from './lock.ts'
import { type ErrorAnswer, PROTOCOL_VERSION } from './protocol.ts'

export interface Question {
  holder: LockHolder
  version: string
  /** Method and path. */
  call: string
  body: object | undefined
  timeoutMs: number
  /** Leaves; the question then rejects with its reason. */
  signal?: AbortSignal
}

const NEVER = new AbortController().signal

/** Rejects with a ProblemError: NOT_RUNNING, SUPERVISOR_UNREACHABLE, or what the supervisor found wrong. */
export async function askJson<T>(question: Question): Promise<T> {
  const { signal = NEVER } = question
  const deadline = withDeadline(signal, question.timeoutMs)
  try {
    const response = await send(question, deadline)
    const text = await readText(response)
    if (response.statusCode === 200) return JSON.parse(text) as T
    throw new ProblemError((JSON.parse(text) as ErrorAnswer).problems)
  } catch (error) {
    signal.throwIfAborted()
    throw asProblem(error, question.holder, deadline.aborted)
  }
}

export function send(
  { holder, version, call, body }: Question,
  signal: AbortSignal,
): Promise<IncomingMessage> {
  const [method, path] = call.split(' ') as [string, string]
  const text = body === undefined ? '' : JSON.stringify(body)
  const headers = {
    host: 'tunnels',
    'tunnels-protocol': PROTOCOL_VERSION,
    'tunnels-version': version,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
  }
  return new Promise((resolve, reject) => {
    const { socket: socketPath } = holder
    // Without a name for TLS Node looks whether the host is an IPv6 address: 5 ms of a whole `tunnels status`.
    const servername = ''
    const options = { socketPath, method, path, headers, signal, agent: false, servername }
    const sent = request(options, resolve)
    sent.once('error', reject)
    sent.end(text)
  })
}

export async function readText(response: IncomingMessage): Promise<string> {
  response.setEncoding('utf8')
  let text = ''
  for await (const chunk of response) text += chunk
  return text
}

export function asProblem(error: unknown, holder: LockHolder, timedOut: boolean): ProblemError {
  if (error instanceof ProblemError) return error
  const code = (error as NodeJS.ErrnoException).code ?? ''
  if (timedOut) return unreachable(holder, 'does not answer')
  if (['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE'].includes(code)) return notRunning(holder)
  return unreachable(holder, `cannot be asked (${code || 'not an answer of tunnels'})`)
}

function notRunning(holder: LockHolder): ProblemError {
  const what = holder.info ? `${holder.info.folder}/${holder.info.file}` : 'this project'
  return new ProblemError({ code: 'NOT_RUNNING', summary: `Nothing is running for ${what}` })
}

function unreachable(holder: LockHolder, what: string): ProblemError {
  const pid = holder.info?.pid
  return new ProblemError({
    code: 'SUPERVISOR_UNREACHABLE',
    summary: `The supervisor${pid ? ` (process ${pid})` : ''} ${what}`,
    hint: pid
      ? `If it stays so, end it with \`kill -9 ${pid}\`, then \`tunnels up\``
      : 'Try again, or end it by hand',
  })
}
