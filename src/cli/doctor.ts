// `tunnels doctor`: goes through each step of each forward on connections of its own, and says in plain words what is
// wrong and what to change. A supervisor that runs is asked what it holds, and left alone.

import { diagnose } from '../doctor/diagnose.ts'
import { type Diagnosis, problemsIn } from '../model/diagnosis.ts'
import type { Status } from '../model/status.ts'
import { loadWanted } from '../supervisor/load-wanted.ts'
import { formatDiagnosis } from '../view/diagnosis.ts'
import { formatJson } from '../view/json.ts'
import { EXIT, exitCodeOf } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { findRunning } from './project.ts'
import { loadSelection } from './selection.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'

export interface DoctorArguments {
  names: string[]
  trust: boolean
}

export async function doctor(invocation: Invocation, { names }: DoctorArguments): Promise<number> {
  const loaded = await loadSelection(invocation, names.length > 0 ? names : null)
  if (!loaded) return EXIT.usage
  const end = new AbortController()
  const signals = listenForSignals(() => {})
  const signalled = signals.first.then((signal) => {
    end.abort()
    return signal
  })
  const { wanted } = await loadWanted(loaded.selection)
  const work = examine(invocation, loaded.project.name, wanted, end.signal)
  try {
    return await work
  } catch (error) {
    if (!end.signal.aborted) throw error
    return signalExitCodes[await signalled]
  } finally {
    signals.stop()
  }
}

async function examine(
  invocation: Invocation,
  project: string,
  wanted: Parameters<typeof diagnose>[0],
  signal: AbortSignal,
): Promise<number> {
  const { options, terminal } = invocation
  const status = await statusOf(invocation)
  let isFirst = true
  const found = await diagnose(wanted, {
    status,
    signal,
    onFound: (each) => {
      if (options.json || options.quiet) return
      terminal.print(`${isFirst ? '' : '\n'}${formatDiagnosis(each, terminal.color.out)}`)
      isFirst = false
    },
  })
  const diagnosis: Diagnosis = { project, ...found }
  const problems = problemsIn(diagnosis)
  if (options.json) terminal.print(`${formatJson(diagnosis, 2)}\n`)
  else if (wanted.forwards.size === 0) terminal.note('No forwards')
  else terminal.note(problems.length === 0 ? '\nAll well' : `\n${counted(problems.length)}`)
  return exitCodeOf(problems)
}

function counted(count: number): string {
  return count === 1 ? '1 step is red' : `${count} steps are red`
}

/** One that does not answer holds what it holds: its ports are then in use. */
async function statusOf(invocation: Invocation): Promise<Status | null> {
  const client = await findRunning(invocation)
  return client ? client.status().catch(() => null) : null
}
