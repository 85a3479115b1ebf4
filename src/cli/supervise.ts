// The process in the background that `tunnels up -d` starts: a supervisor without a terminal, whose events are
// its log. Not for people to call.

import { closeSync, writeSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { openControlServer } from '../control/server.ts'
import { ProblemError, problemOf } from '../model/problem.ts'
import { type Supervisor, startSupervisor } from '../supervisor/supervisor.ts'
import { endSupervisor, lostOf, yieldPlace } from './end-supervisor.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { keepLog } from './keep-log.ts'
import { listenForSignals } from './signals.ts'
import type { SuperviseAnswer, SuperviseRequest } from './spawn-supervisor.ts'

const ANSWERS = 3

export async function supervise(invocation: Invocation): Promise<number> {
  const { env, version } = invocation
  const request = JSON.parse(await text(process.stdin)) as SuperviseRequest
  const { place, selection, watch, http, verbose, expectsPerson, isLeased } = request
  const server = await openControlServer({ place, env, version }).catch(refuse)
  if (!server) return answer({ running: true })
  const keeping = keepLog(place, { verbose, version })
  let supervisor: Supervisor | null = null
  const signals = listenForSignals(() => void supervisor?.reconcile({}).catch(() => {}))
  try {
    const { log } = keeping
    const options = { selection, watch, http, version, log, expectsPerson, isLeased }
    supervisor = await startSupervisor(options).catch(refuse)
    await server.serve(supervisor)
    answer({ started: true })
    const ending = await Promise.race([supervisor.ended, lostOf(server), signals.first])
    if (!ending) return EXIT.fine
    if (ending === 'lost') return await yieldPlace(invocation, supervisor)
    return await endSupervisor(supervisor, ending, signals)
  } finally {
    signals.stop()
    await server.close()
    await keeping.stop()
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
