// What a client sends: bounded, JSON, an object. Anything else is refused before anybody acts on it.

import type { IncomingMessage } from 'node:http'
import type { Problem } from '../model/problem.ts'

const BODY_BYTES = 1024 * 1024

/** The JSON body; `{}` for none. Rejects with a RefusedRequest. */
export async function readBody<T extends object>(
  request: IncomingMessage,
  mostBytes = BODY_BYTES,
): Promise<T> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > mostBytes) throw new RefusedRequest(413, tooLarge(mostBytes))
    chunks.push(chunk)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  const value: unknown = text.trim() === '' ? {} : parse(text)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as T
  throw new RefusedRequest(400, { code: 'USAGE', summary: 'The body of a request is a JSON object' })
}

/** Thrown where a request is refused: the HTTP status and why. */
export class RefusedRequest extends Error {
  readonly status: number
  readonly problem: Problem

  constructor(status: number, problem: Problem) {
    super(problem.summary)
    this.status = status
    this.problem = problem
  }
}

function tooLarge(bytes: number): Problem {
  return { code: 'USAGE', summary: `The body of a request has at most ${bytes} bytes` }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new RefusedRequest(400, { code: 'USAGE', summary: 'The body of a request is not JSON' })
  }
}
