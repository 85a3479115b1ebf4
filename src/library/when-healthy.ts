// When what is behind the forwards answers: the healthchecks of the files are made again and again until each has passed.

import { setTimeout as delay } from 'node:timers/promises'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import type { Supervisor } from '../supervisor/supervisor.ts'

/** Of one round. */
const ROUND_MS = 10_000
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

/**
 * Makes the checks of those that are open now, whatever their `interval` is: what is idle is left alone, and what a remote
 * forward leads to may be the caller itself. When the signal fires it rejects with a ProblemError that says what each
 * check met.
 */
export async function whenHealthy(
  supervisor: Supervisor,
  project: Project,
  signal: AbortSignal,
): Promise<void> {
  const open = supervisor.status().forwards.filter(({ state }) => state === 'open')
  const names = open.map(({ name }) => name).filter((name) => isChecked(project, name))
  let waiting = new Map(names.map((name) => [name, unanswered(name)]))
  for (let pauseMs = FIRST_PAUSE_MS; waiting.size > 0; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
    const asked = [...waiting.keys()]
    const { forwards } = await supervisor.probe({ names: asked, timeoutMs: ROUND_MS }, signal)
    const failures = forwards.flatMap(({ name, problem }): [string, Problem][] =>
      // What time has cut short has found out nothing.
      problem ? [[name, signal.aborted ? waiting.get(name)! : problem]] : [],
    )
    waiting = new Map(failures)
    if (signal.aborted && waiting.size > 0) throw new ProblemError([...waiting.values()])
    if (waiting.size > 0) await delay(pauseMs, undefined, { signal }).catch(() => {})
  }
}

function isChecked({ forwards }: Project, name: string): boolean {
  const spec = forwards.get(name)
  return spec?.kind !== 'remote' && spec?.healthcheck !== undefined
}

function unanswered(name: string): Problem {
  return { code: 'UNHEALTHY', summary: `The healthcheck of ${name} has not passed in time` }
}
