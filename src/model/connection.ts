// What became of one connection of a forward, as the events and the log tell it.

import type { Problem } from './problem.ts'

export interface ConnectionNews {
  /** `failed`: the target could not be reached; `refused`: turned away by `allow_*`, `auth` or a limit. */
  outcome: 'opened' | 'closed' | 'failed' | 'refused'
  /** Who knocked: `127.0.0.1:50312`; null where nobody can know, as behind a Unix socket. */
  from: string | null
  /** Where to, as the client asked for it; null when it did not come to that. */
  to: string | null
  /** Since the knock. */
  ms: number
  /** `in` came to this machine through SSH, `out` left it through SSH. */
  bytes: { in: number; out: number }
  problem: Problem | null
}
