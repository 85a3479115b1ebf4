// Process groups of commands that were started for a connection or a check: asked to end with it, then killed. None
// outlives this process; where this one is itself killed, a guard sees to it.

import { spawn } from 'node:child_process'
import type { Writable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'

/** How long a command may take to put its things in order. */
const GRACE_MS = 2_000
const LOOK_MS = 50
/** A connection that ends is given a second to say so first. */
const FAREWELL_MS = 1_000

const living = new Set<number>()
/** By group, what sends its guard home. */
const guards = new Map<number, () => void>()

/**
 * `id`: the pid of a child that was started with a group of its own. Returns what ends the group: SIGTERM, and SIGKILL
 * after two seconds; when this process exits, at once. Idempotent, and it never throws.
 */
export function keepGroup(id: number): () => void {
  if (living.size === 0) process.once('exit', killAll)
  living.add(id)
  let isEnding = false
  return () => {
    if (isEnding) return
    isEnding = true
    endGroup(id)
  }
}

/** Resolves when none is left of those whose connections end now; after some seconds at the latest. */
export async function groupsEnded(): Promise<void> {
  const deadline = performance.now() + FAREWELL_MS + GRACE_MS + LOOK_MS
  while (living.size > 0 && performance.now() < deadline) await delay(LOOK_MS)
}

/**
 * As {@link keepGroup}, also where this process is killed: for a command that would not notice. A shell waits for a line
 * of ours; that its input ends without one means that nobody is left to write it.
 */
export function guardGroup(id: number): () => void {
  const endGroup = keepGroup(id)
  const guard = spawn('/bin/sh', ['-c', 'read -r over || kill -s KILL -- "-$1"', 'sh', String(id)], {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  })
  // Without a shell, without descriptors for it, or when somebody ended it, the group is kept all the same.
  guard.on('error', () => {})
  const input: Writable | undefined = guard.stdin
  input?.on('error', () => {})
  guards.set(id, () => input?.end('over\n'))
  return endGroup
}

/** Looked at often, so that the number is never that of somebody else by then. */
function endGroup(id: number): void {
  const deadline = performance.now() + GRACE_MS
  if (!signalGroup(id, 'SIGTERM')) return forget(id)
  const timer = setInterval(() => {
    const isLate = performance.now() >= deadline
    if (signalGroup(id, isLate ? 'SIGKILL' : 0) && !isLate) return
    clearInterval(timer)
    forget(id)
  }, LOOK_MS)
}

function forget(id: number): void {
  living.delete(id)
  guards.get(id)?.()
  guards.delete(id)
  if (living.size === 0) process.off('exit', killAll)
}

function killAll(): void {
  for (const id of living) signalGroup(id, 'SIGKILL')
}

/** False when nobody is left in it. */
function signalGroup(id: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-id, signal)
    return true
  } catch {
    return false
  }
}
