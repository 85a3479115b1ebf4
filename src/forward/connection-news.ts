// Words one connection's outcome for the events and the log. Who hears of it is not its business.

import { formatHostPort, formatTarget, type Originator } from '../model/address.ts'
import type { ConnectionNews } from '../model/connection.ts'
import type { Problem } from '../model/problem.ts'
import type { OpenConnection } from './open-connection.ts'

/** Turned away before it was anything. */
export function refusalNews(from: Originator, problem: Problem): ConnectionNews {
  return {
    outcome: 'refused',
    from: formatOriginator(from),
    to: null,
    ms: 0,
    bytes: { in: 0, out: 0 },
    problem,
  }
}

export function connectionNews(
  outcome: ConnectionNews['outcome'],
  { from, target, since, bytes }: OpenConnection,
  problem: Problem | null = null,
): ConnectionNews {
  return {
    outcome,
    from: formatOriginator(from),
    to: target && formatTarget(target),
    ms: Math.max(0, Date.now() - since.getTime()),
    bytes: { ...bytes },
    problem,
  }
}

function formatOriginator({ address, port }: Originator): string | null {
  return address === null ? null : formatHostPort(address, port)
}
