// A lease as one long answer: what was opened in the first line, then nothing until the supervisor ends. It is held for
// as long as the connection lives, so that also a killed client lets go of what it held.

import type { ServerResponse } from 'node:http'
import type { LeaseAnswer } from './protocol.ts'

/** The header is out already. */
export function holdLease(answer: LeaseAnswer, response: ServerResponse, closing: AbortSignal): void {
  response.write(`${JSON.stringify({ event: 'lease', ...answer })}\n`)
  const end = () => {
    response.end(`${JSON.stringify({ time: new Date().toISOString(), event: 'end' })}\n`)
  }
  closing.addEventListener('abort', end, { once: true })
  response.once('close', () => closing.removeEventListener('abort', end))
  if (closing.aborted) end()
}
