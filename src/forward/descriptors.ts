// How near this process is to the number of files and sockets that it may have open. The system takes connections
// away without a word when it is reached, those of the control socket too, so forwards stop a little before.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import type { Problem } from '../model/problem.ts'

/**
 * What each leaves alone. The last belong to the control socket, the log and files that are read again; what goes
 * through hosts leaves some for hosts that are connected anew, and what listens some for what comes in.
 */
const RESERVED = { host: 24, connection: 48, listener: 96 } as const

type What = keyof typeof RESERVED

/** Looking costs the more the more is open. */
const LOOK_EVERY_MS = 50

let limit: number | null = null
let seen = 0
/** Granted since we looked. */
let since = 0
/** Granted, and not yet known to be open: a look does not see them. */
let pending = 0
let lookedAt = Number.NEGATIVE_INFINITY

/**
 * To be asked once for each connection, listener or connection to a host that is about to be opened. Null: there is room, and the caller calls
 * `descriptorSettled` once, when it is open or has failed. Those that are refused are to be closed at once.
 */
export function descriptorProblem(what: What = 'connection'): Problem | null {
  limit ??= findLimit()
  const usable = limit - RESERVED[what]
  if (!hasRoom(usable) || seen === 0) lookAgain()
  if (hasRoom(usable)) {
    since += 1
    pending += 1
    return null
  }
  return {
    code: 'LIMIT_REACHED',
    summary: `No room for another ${what}: this process may have ${limit} files and connections open, and needs ${RESERVED[what]} for ${what === 'listener' ? 'connections and itself' : 'itself'}`,
    hint:
      what === 'listener'
        ? 'Raise the limit where tunnels is started (ulimit -n), or have fewer forwards'
        : 'Close some connections, or raise the limit where tunnels is started (ulimit -n)',
  }
}

/** Whether another connection would be granted now. */
export function hasDescriptorRoom(): boolean {
  lookAgain()
  return hasRoom((limit ?? Number.POSITIVE_INFINITY) - RESERVED.connection)
}

export function descriptorSettled(): void {
  pending -= 1
}

function hasRoom(usable: number): boolean {
  return seen + since + 1 < usable
}

function lookAgain(): void {
  const now = performance.now()
  if (now - lookedAt < LOOK_EVERY_MS) return
  lookedAt = now
  seen = countOpen()
  since = pending
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
