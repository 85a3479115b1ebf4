// Problems → exit code, for every verb alike. Where several hold: 2, then 4, then 3, then 1.

import { isError, type Problem, type ProblemCode } from '../model/problem.ts'
import type { ForwardStatus } from '../model/status.ts'

export const EXIT = {
  fine: 0,
  failed: 1,
  usage: 2,
  notRunning: 3,
  needsPerson: 4,
  /** `run`: 1 and 3 of other verbs, so that they are not the command's. */
  noTunnels: 125,
  notExecutable: 126,
  notFound: 127,
  interrupt: 130,
  terminate: 143,
}

const needPerson: ReadonlySet<ProblemCode> = new Set(['HOST_KEY_UNKNOWN', 'AUTH_NEEDS_PERSON', 'UNTRUSTED'])

/** 0 when there are only warnings. */
export function exitCodeOf(problems: readonly Problem[]): number {
  const codes = problems.filter(isError).map(({ code }) => code)
  if (codes.some(isAboutTheFile)) return EXIT.usage
  if (codes.some((code) => needPerson.has(code))) return EXIT.needsPerson
  if (codes.includes('NOT_RUNNING')) return EXIT.notRunning
  return codes.length > 0 ? EXIT.failed : EXIT.fine
}

/** `run`: what is no more than a failure of ours must not look like one of the command. */
export function besideCommand(code: number): number {
  return code === EXIT.failed || code === EXIT.notRunning ? EXIT.noTunnels : code
}

/** What did not come up, as an exit code: 4 when a person could help, else 1; 0 for none. */
export function exitCodeOfForwards(troubled: readonly ForwardStatus[]): number {
  if (troubled.length === 0) return EXIT.fine
  const isForPerson = ({ state, problem }: ForwardStatus) =>
    state === 'waiting' || (problem !== null && needPerson.has(problem.code))
  return troubled.some(isForPerson) ? EXIT.needsPerson : EXIT.failed
}

function isAboutTheFile(code: ProblemCode): boolean {
  return code === 'USAGE' || (code.startsWith('CONFIG_') && code !== 'CONFIG_WARNING')
}
