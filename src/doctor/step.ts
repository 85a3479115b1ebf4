// One step's outcome as a value, and a problem with its remedy: what to change on this machine stands in ssh_config
// or tunnels.yaml, what to change on the far side in sshd_config.

import type { Step, StepName } from '../model/diagnosis.ts'
import type { Problem } from '../model/problem.ts'

export function well(step: StepName, summary: string): Step {
  return { step, outcome: 'well', summary, problem: null }
}

export function unclear(step: StepName, summary: string): Step {
  return { step, outcome: 'unclear', summary, problem: null }
}

export function notReached(step: StepName): Step {
  return { step, outcome: 'not_reached', summary: 'not reached', problem: null }
}

/** `remedies`: one line each, after what the problem's own hint says. Those of a policy say it better. */
export function wrong(step: StepName, problem: Problem, remedies: readonly string[] = []): Step {
  const isPolicy = problem.code === 'FORWARD_PROHIBITED' && remedies.length > 0
  const hint = [...(problem.hint && !isPolicy ? [problem.hint] : []), ...remedies].join('\n')
  const told = hint === '' ? problem : { ...problem, hint }
  return { step, outcome: 'wrong', summary: problem.summary, problem: told }
}
