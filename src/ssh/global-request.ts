// One global request (RFC 4254, section 4) over a connection that may end before the answer. What is asked, and how
// long anybody waits for it, is left to who asks.

import { ProblemError } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'

/**
 * `send` calls ssh2, and `done` with the answer; null: the server said no. Rejects with a ProblemError (HOST_LOST) when
 * the connection ends meanwhile.
 */
export function globalRequest<T>(
  { closed, host }: SshCarrier,
  send: (done: (answer: T | null) => void) => void,
): Promise<T | null> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(closed.reason)
    if (closed.aborted) return lost()
    closed.addEventListener('abort', lost, { once: true })
    const done = (answer: T | null) => {
      closed.removeEventListener('abort', lost)
      // ssh2 also fails what is open when the connection ends: that is no answer of the server.
      if (closed.aborted) lost()
      else resolve(answer)
    }
    try {
      send(done)
    } catch {
      // Ended in this moment, before it says so itself.
      closed.removeEventListener('abort', lost)
      reject(new ProblemError({ code: 'HOST_LOST', summary: `The connection to ${host.name} was lost` }))
    }
  })
}
