// How near this process is to the number of files and sockets that it may have open. The system takes connections
// away without a word when it is reached, those of the control socket too, so forwards stop a little before.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Problem } from '../model/problem.ts'

/** For the control socket, the log, files that are read again and SSH connections that are made anew. */
const RESERVED = 48

/** Looking costs the more the more is open. */
const LOOK_EVERY_MS = 50

let limit: number | null = null
let seen = 0
let since = 0
let lookedAt = Number.NEGATIVE_INFINITY

/** To be asked once for each connection that is about to be opened. Null: there is room. */
export function descriptorProblem(): Problem | null {
  since += 1
  limit ??= findLimit()
  if (since + seen < limit - RESERVED && seen > 0) return null
  const now = performance.now()
  if (now - lookedAt >= LOOK_EVERY_MS) {
    lookedAt = now
    seen = countOpen()
    since = 1
  }
  if (since + seen < limit - RESERVED) return null
  // Those that are refused are closed again at once.
  since -= 1
  return {
    code: 'LIMIT_REACHED',
    summary: `This process may have ${limit} files and connections open, and they are in use`,
    hint: 'Close some connections, or raise the limit where tunnels is started (ulimit -n)',
  }
}

/** setrlimit(2), RLIMIT_NOFILE: Node has raised it as far as it may. Infinity where nobody tells. */
function findLimit(): number {
  try {
    const [, soft] = /^Max open files\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? []
    return Number(soft) || Number.POSITIVE_INFINITY
  } catch {
    return limitOfShell()
  }
}

function limitOfShell(): number {
  try {
    return (
      Number(execFileSync('/bin/sh', ['-c', 'ulimit -n'], { encoding: 'utf8' })) || Number.POSITIVE_INFINITY
    )
  } catch {
    return Number.POSITIVE_INFINITY
  }
}

function countOpen(): number {
  try {
    return readdirSync('/dev/fd').length
  } catch {
    return 0
  }
}
