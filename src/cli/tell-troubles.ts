// What did not come up, named, with everything that is known about it: once for all that share a reason.

import type { Problem } from '../model/problem.ts'
import type { ForwardStatus, Status } from '../model/status.ts'
import { makePrintable } from '../view/printable.ts'
import { forwardsMeant } from './follow.ts'
import type { Invocation } from './invocation.ts'
import { showProblems } from './selection.ts'

/**
 * Forwards that are neither open nor idle, have a problem of their own, or go on over a connection whose successor
 * cannot be made: with what keeps that. The problem of an idle one is about its last use. `names` as in {@link forwardsMeant}.
 */
export function troubledForwards(status: Status, names: readonly string[] | null): ForwardStatus[] {
  return forwardsMeant(status, names).flatMap((forward) => {
    const { problem, state, via } = forward
    if (state === 'idle') return []
    if (state !== 'open' || (problem && !isOfConnection(problem))) return [forward]
    const host = status.hosts.find(({ name }) => name === via)
    return host?.next ? [{ ...forward, problem: host.problem }] : []
  })
}

/** What the last connection met, or what a check did, says nothing about whether the forward came up. */
function isOfConnection({ code }: Problem): boolean {
  return (
    code === 'UNHEALTHY' ||
    code.startsWith('TARGET_') ||
    code === 'FORWARD_PROHIBITED' ||
    code === 'LIMIT_REACHED'
  )
}

/** `how`: what is said of one that is open. */
export function tellTroubles(
  invocation: Invocation,
  forwards: readonly ForwardStatus[],
  how = 'is open',
): void {
  for (const [problem, rows] of groupByProblem(forwards)) {
    const names = rows.map(
      ({ name, state }) => `${makePrintable(name)} ${state === 'open' ? how : `is ${state}`}`,
    )
    invocation.terminal.complain(`\n${names.join(', ')}`)
    showProblems(invocation, [problem])
  }
}

/** The forward's problem; one that has none yet has not come to anything in time. */
export function troubleOf({ name, via, problem }: ForwardStatus): Problem {
  return (
    problem ?? { code: 'HOST_TIMEOUT', summary: `${name} is not open yet: ${via} has not answered in time` }
  )
}

function groupByProblem(forwards: readonly ForwardStatus[]): Map<Problem, ForwardStatus[]> {
  const groups = new Map<string, [Problem, ForwardStatus[]]>()
  for (const forward of forwards) {
    const problem = troubleOf(forward)
    const group = groups.get(problem.summary)
    if (group) group[1].push(forward)
    else groups.set(problem.summary, [problem, [forward]])
  }
  return new Map(groups.values())
}
