// `type: connect`: whether the target takes a connection, and keeps it.

import type { Duplex } from 'node:stream'
import { type DialTarget, formatTarget } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import { type Checked, NOBODY } from './checked.ts'

/**
 * What only passes connections on (another forward, a container's published port) takes one first, and closes it when
 * nobody is behind it: this is how long it may take to find out.
 */
const settleMs = 200

/** Rejects with a ProblemError, or with anything once `signal` has fired. A SOCKS proxy has no target to connect to. */
export async function checkConnect({ to, dial }: Checked, signal: AbortSignal): Promise<void> {
  if (to.kind === 'socks') return
  const { stream } = await dial(to, NOBODY, signal)
  try {
    if (!(await staysOpen(stream, signal))) throw closedAtOnce(to)
  } finally {
    stream.destroy()
  }
}

/** Until it says something, or has kept still for a moment. Rejects where the way to it was lost. */
function staysOpen(stream: Duplex, signal: AbortSignal): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const settle = (stays: boolean) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', stay)
      resolve(stays)
    }
    const stay = () => settle(true)
    const timer = setTimeout(stay, settleMs)
    signal.addEventListener('abort', stay)
    stream.once('data', stay)
    stream.once('end', () => settle(false))
    stream.once('close', () => settle(false))
    stream.once('error', (error) => {
      if (error instanceof ProblemError) reject(error)
      settle(false)
    })
    if (signal.aborted) stay()
  })
}

function closedAtOnce(to: DialTarget): ProblemError {
  return new ProblemError({
    code: 'TARGET_REFUSED',
    summary: `${formatTarget(to)} takes connections and closes them at once`,
    hint: 'What listens there may only pass connections on, to something that is down',
  })
}
