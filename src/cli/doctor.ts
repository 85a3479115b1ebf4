// `tunnels doctor`: goes through each step of each forward on connections of its own, and says in plain words what is
// wrong and what to change. A supervisor that runs is asked what it holds, and left alone.

import { diagnose } from '../doctor/diagnose.ts'
import { type Diagnosis, problemsIn } from '../model/diagnosis.ts'
import type { Status } from '../model/status.ts'
import { loadWanted } from '../supervisor/load-wanted.ts'
import { settleTrust } from '../supervisor/trust.ts'
import { formatDiagnosis } from '../view/diagnosis.ts'
import { formatJson } from '../view/json.ts'
import { EXIT, exitCodeOf } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { findRunning } from './project.ts'
import { type LoadedSelection, loadSelection } from './selection.ts'
import { listenForSignals, signalExitCodes } from './signals.ts'
import { withAgreement } from './up.ts'

export interface DoctorArguments {
  names: string[]
  /** `--trust`. */
  trust: boolean
}

export async function doctor(invocation: Invocation, { names, trust }: DoctorArguments): Promise<number> {
  const read = await loadSelection(invocation, names.length > 0 ? names : null)
  if (!read) return EXIT.usage
  const loaded = await withAgreement(invocation, read, trust)
  if (typeof loaded === 'number') return loaded
  const end = new AbortController()
  const signals = listenForSignals(() => {})
  const signalled = signals.first.then((signal) => {
    end.abort()
    return signal
  })
  try {
    return await examine(invocation, loaded, end.signal)
  } catch (error) {
    if (!end.signal.aborted) throw error
    return signalExitCodes[await signalled]
  } finally {
    signals.stop()
  }
}

async function examine(
  invocation: Invocation,
  { project, selection }: LoadedSelection,
  signal: AbortSignal,
): Promise<number> {
  const { options, terminal } = invocation
  const { wanted, trust } = await loadWanted(selection, { signal })
  await settleTrust(selection, trust.items)
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
  const diagnosis: Diagnosis = { project: project.name, ...found }
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
