// The process in the background that `tunnels up -d` starts: a supervisor without a terminal, whose events are
// its log. Not for people to call.

import { closeSync, createWriteStream, renameSync, statSync, writeSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import type { Event } from '../control/protocol.ts'
import { openControlServer } from '../control/server.ts'
import { ProblemError, problemOf } from '../model/problem.ts'
import { type Supervisor, startSupervisor } from '../supervisor/supervisor.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'
import { logPath, type SuperviseAnswer, type SuperviseRequest } from './spawn-supervisor.ts'

const ANSWERS = 3
const DRAIN_MS = 25_000
const LOG_BYTES = 4 * 1024 * 1024

export async function supervise({ env, version }: Invocation): Promise<number> {
  const { place, selection, watch } = JSON.parse(await text(process.stdin)) as SuperviseRequest
  const server = await openControlServer({ place, env, version }).catch(refuse)
  if (!server) return answer({ running: true })
  let supervisor: Supervisor | null = null
  const signals = listenForSignals(() => void supervisor?.reconcile({}).catch(() => {}))
  try {
    const onEvent = openEventLog(logPath(place))
    supervisor = await startSupervisor({ selection, watch, version, onEvent }).catch(refuse)
    await server.serve(supervisor)
    answer({ started: true })
    const ending = await Promise.race([supervisor.ended, signals.first])
    if (!ending) return EXIT.fine
    const drainMs = ending === 'SIGTERM' ? DRAIN_MS : 0
    await Promise.race([supervisor.down({ drainMs }), signals.second])
    return signalExitCodes[ending]
  } finally {
    signals.stop()
    await server.close()
  }
}

function answer(value: SuperviseAnswer): number {
  writeSync(ANSWERS, JSON.stringify(value))
  closeSync(ANSWERS)
  return EXIT.fine
}

/** Who started us tells the person. */
function refuse(error: unknown): never {
  answer({ problems: error instanceof ProblemError ? [...error.problems] : [problemOf(error)] })
  throw error
}

/** Two files at most, each of them bounded: the present one and the one before. */
function openEventLog(path: string): (event: Event) => void {
  let bytes = sizeOf(path)
  let log = open(path)
  return (event) => {
    const line = `${JSON.stringify(event)}\n`
    bytes += Buffer.byteLength(line)
    if (bytes > LOG_BYTES) {
      log.end()
      moveAside(path)
      log = open(path)
      bytes = Buffer.byteLength(line)
    }
    log.write(line)
  }
}

/** A log that cannot be moved (a full disk, a folder that is gone) must not end the tunnels. */
function moveAside(path: string): void {
  try {
    renameSync(path, `${path}.1`)
  } catch {
    // the next turn tries again
  }
}

function open(path: string) {
  return createWriteStream(path, { flags: 'a', mode: 0o600 }).on('error', () => {})
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0
}
