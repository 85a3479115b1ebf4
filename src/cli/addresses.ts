// Where forwards are to be dialled, for `port` and `env`: asked of what runs, else read from the file, which says it for
// every forward whose port is fixed.

import type { ForwardAddress } from '../control/protocol.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import { untrustedProblems } from '../model/trust.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { refuseUnknown } from './named.ts'
import { findPlace, findRunning, notRunning } from './project.ts'
import { loadSelection, showProblems, withoutWarnings } from './selection.ts'

/**
 * Of the forwards named, by themselves or by their host; with null of those that run, or that the options select. A
 * number: the exit code of what was wrong, which has then been shown. Rejects with a ProblemError, for an unknown name, too.
 */
export async function findAddresses(
  invocation: Invocation,
  names: string[] | null,
): Promise<ForwardAddress[] | number> {
  const client = await findRunning(invocation)
  if (!client) return readAddresses(invocation, names)
  const { forwards } = await client.addresses()
  return narrowTo(forwards, names)
}

async function readAddresses(
  invocation: Invocation,
  names: string[] | null,
): Promise<ForwardAddress[] | number> {
  const isNamedOnly = invocation.options.projectName !== null && !(await findPlace(invocation))
  if (isNamedOnly) throw await notRunning(invocation)
  const loaded = await loadSelection(withoutWarnings(invocation), names)
  if (!loaded) return EXIT.usage
  const { project, selection, sources } = loaded
  const { addressesInFiles } = await import('../supervisor/addresses.ts')
  const { lookAtFiles } = await import('../supervisor/trust.ts')
  const { waiting } = await lookAtFiles(project, selection)
  const variables = waiting.filter(({ kind }) => kind === 'env')
  if (variables.length === 0) return narrowTo(addressesInFiles(project, selection), names)
  showProblems(invocation, untrustedProblems(variables), sources)
  return EXIT.needsPerson
}

function narrowTo(forwards: ForwardAddress[], names: string[] | null): ForwardAddress[] {
  if (names === null) return forwards.filter(({ selected }) => selected)
  refuseUnknown(
    names,
    forwards.flatMap(({ name, via }) => [name, via]),
  )
  return forwards.filter(({ name, via }) => names.includes(name) || names.includes(via))
}

/** Throws a ProblemError unless each of them can be dialled. */
export function refuseTroubled(forwards: readonly ForwardAddress[]): void {
  const problems = forwards.flatMap(problemsOf)
  if (problems.length > 0) throw new ProblemError(problems)
}

function problemsOf({ name, address, problem }: ForwardAddress): Problem[] {
  if (problem) return [problem]
  if (address) return []
  return [
    {
      code: 'NOT_RUNNING',
      summary: `${name} has no port yet: it gets one when it runs`,
      hint: 'Start it with `tunnels up`',
    },
  ]
}
