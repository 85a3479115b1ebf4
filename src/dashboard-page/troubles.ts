// What is wrong, as a list to read: each trouble once, what stops something first. Pure.

import type { Problem } from '../model/problem.ts'
import type { Status } from '../model/status.ts'

export interface Trouble {
  /** Whose it is: a name, or a place in a file. */
  who: string
  problem: Problem
  /** When it is tried again; null: nobody knows, or it is not. */
  retryAt: string | null
}

/** `ofFile`: what is wrong with the file as it is now, which a supervisor that does not follow it does not know. */
export function troublesOf(status: Status, ofFile: readonly Problem[]): Trouble[] {
  const { config, hosts, forwards } = status
  const all = [
    ...[...config.problems, ...ofFile].map((problem) => trouble(placeOf(problem, status), problem)),
    ...hosts.flatMap(({ name, prompt }) => (prompt ? [trouble(name, asks(prompt.summary))] : [])),
    ...hosts.flatMap(({ name, problem, retryAt }) => (problem ? [trouble(name, problem, retryAt)] : [])),
    ...forwards.flatMap(({ name, problem }) => (problem ? [trouble(name, problem)] : [])),
  ]
  // A forward that waits for its host has its host's problem: once is enough.
  const seen = new Set<string>()
  const each = all.filter(({ problem: { summary } }) => !seen.has(summary) && seen.add(summary))
  return each.sort((a, b) => Number(isWarning(a)) - Number(isWarning(b)))
}

export function isWarning({ problem }: Trouble): boolean {
  return problem.severity === 'warning'
}

function trouble(who: string, problem: Problem, retryAt: string | null = null): Trouble {
  return { who, problem, retryAt }
}

/** The answer is a person's at a terminal: no secret is typed into a page. */
function asks(summary: string): Problem {
  return { code: 'AUTH_NEEDS_PERSON', summary, hint: '`tunnels up` on a terminal asks for it' }
}

/** Without the folder that the page shows above. */
function placeOf({ at, path }: Problem, { files }: Status): string {
  if (!at) return path ?? 'file'
  const folder = files[0]?.slice(0, files[0].lastIndexOf('/') + 1) ?? ''
  const file = at.file.startsWith(folder) ? at.file.slice(folder.length) : at.file
  return `${file}:${at.line}:${at.column}`
}
