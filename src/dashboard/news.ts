// What the server of the dashboard tells its page: one set of types for both, a JSON value a line.

import type { Problem } from '../model/problem.ts'
import type { ForwardStatus, Status } from '../model/status.ts'
import type { PlanAction } from '../plan/plan.ts'

/** `look` comes each second and is how the page knows that it is told everything. */
export type News =
  | { tell: 'samples'; samples: Sample[] }
  | { tell: 'look'; status: Status; sample: Sample | null }
  /** Nothing runs, or it does not answer; looked for each second. */
  | { tell: 'gone'; project: string; problem: Problem }
  /** `isAnew`: what was told before is forgotten. */
  | { tell: 'log'; isAnew: boolean; lines: LogEntry[] }
  | { tell: 'plan'; plan: PlanNews }

/** How fast each forward was at `at` (milliseconds since 1970): bytes a second in and out, by name. */
export interface Sample {
  at: number
  rates: Record<string, [number, number]>
}

/** `texts`: in words, a line each, fit to be shown. */
export interface LogEntry {
  time: string
  level: 'debug' | 'info' | 'warn' | 'error'
  /** Of the forward or the host that it is about. */
  name: string | null
  texts: string[]
}

/** The file against what runs. */
export interface PlanNews {
  changes: { action: PlanAction; what: 'host' | 'forward'; name: string; why: string }[]
  /** Why there is no plan. */
  problems: Problem[]
  /** Lines: what the files may do that nobody has agreed to. */
  waiting: string[]
  /** Forwards of the file that are not selected: what `open` is for. */
  closed: Pick<ForwardStatus, 'name' | 'kind' | 'via'>[]
}

/** What a page may ask for, each by a POST to a path of its name with `{ "name": FORWARD }`. */
export type Act = 'restart' | 'close' | 'open'

/** The answer to it where it is not 200. */
export interface ActRefused {
  problems: Problem[]
}

/** Goes with every request but the first, which has it in the URL as `?token=`. */
export const TOKEN_HEADER = 'tunnels-token'
