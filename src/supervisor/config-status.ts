// What `status` says of the files: which version of them runs, and what is wrong with the one on disk. Pure.

import { isDeepStrictEqual } from 'node:util'
import { type Problem, ProblemError, problemOf } from '../model/problem.ts'
import type { ConfigStatus } from '../model/status.ts'

export const nothingTaken: ConfigStatus = { state: 'current', generation: 0, loadedAt: null, problems: [] }

/** The files were taken; `changes`: that changed what runs. Their `generation` counts what was new about them. */
export function taken(
  before: ConfigStatus,
  { changes, warnings, loadedAt }: { changes: boolean; warnings: Problem[]; loadedAt: string },
): ConfigStatus {
  const isNew = before.generation === 0 || changes || before.state !== 'current'
  const generation = isNew ? before.generation + 1 : before.generation
  return { state: 'current', generation, loadedAt, problems: warnings }
}

/** The files were refused, and the last good ones run on. The same object where that is known already. */
export function refused(before: ConfigStatus, error: unknown): ConfigStatus {
  const problems = error instanceof ProblemError ? [...error.problems] : [problemOf(error)]
  const state = isUntrusted(error) ? 'untrusted' : 'invalid'
  const isKnown = before.state === state && isDeepStrictEqual(problems, before.problems)
  return isKnown ? before : { ...before, state, problems }
}

/** Somebody has to agree to what the files say: nothing is wrong with them. */
export function isUntrusted(error: unknown): boolean {
  return (
    error instanceof ProblemError &&
    error.problems.some(({ code }) => code === 'UNTRUSTED' || code === 'HOST_KEY_CHANGED')
  )
}
