// What `tunnels doctor` finds: each step on the way of each host and each forward, exactly as its JSON is printed
// (schema/doctor.schema.json).

import type { Problem } from './problem.ts'

export type StepName =
  // the way to a host
  | 'jump'
  | 'name'
  | 'proxy_command'
  | 'connection'
  | 'banner'
  | 'host_key'
  | 'login'
  // a forward
  | 'listen'
  | 'policy'
  | 'remote_listen'
  | 'reach'
  | 'target'

/** `not_reached`: a step before it went wrong. `unclear`: it could not be found out. */
export type Outcome = 'well' | 'wrong' | 'not_reached' | 'unclear'

export interface Step {
  step: StepName
  outcome: Outcome
  /** What was seen, in one sentence; for `wrong` the problem's. */
  summary: string
  /** Only with `wrong`. Its `hint` is the remedy. */
  problem: Problem | null
}

export interface HostDiagnosis {
  name: string
  endpoint: string
  steps: Step[]
}

export interface ForwardDiagnosis {
  name: string
  kind: 'local' | 'remote' | 'dynamic'
  via: string
  steps: Step[]
}

export interface Diagnosis {
  project: string
  hosts: HostDiagnosis[]
  forwards: ForwardDiagnosis[]
}

export function problemsIn({ hosts, forwards }: Pick<Diagnosis, 'hosts' | 'forwards'>): Problem[] {
  return [...hosts, ...forwards].flatMap(({ steps }) => steps.flatMap(({ problem }) => problem ?? []))
}
