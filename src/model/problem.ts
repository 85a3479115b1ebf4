// What can be wrong, as a value. Codes are a closed public list (docs/problems.md); everything else
// about a problem is wording for a person, made where the trouble is understood, never parsed again.

export type ProblemCode =
  // the file
  | 'CONFIG_NOT_FOUND'
  | 'CONFIG_UNREADABLE'
  | 'CONFIG_SYNTAX'
  | 'CONFIG_SCHEMA'
  | 'CONFIG_UNKNOWN_KEY'
  | 'CONFIG_REFERENCE'
  | 'CONFIG_CONFLICT'
  | 'CONFIG_VARIABLE'
  | 'CONFIG_SSH'
  | 'CONFIG_WARNING'
  | 'USAGE'
  // this machine
  | 'PORT_IN_USE'
  | 'LISTEN_FORBIDDEN'
  | 'LISTEN_FAILED'
  | 'LIMIT_REACHED'
  | 'STATE_UNWRITABLE'
  // the way to a host
  | 'HOST_UNRESOLVED'
  | 'HOST_UNREACHABLE'
  | 'HOST_TIMEOUT'
  | 'HOST_LOST'
  | 'HOST_PROTOCOL'
  | 'HOST_KEY_UNKNOWN'
  | 'HOST_KEY_CHANGED'
  | 'HOST_KEY_REVOKED'
  | 'AUTH_FAILED'
  | 'AUTH_NEEDS_PERSON'
  // what a host does for us
  | 'FORWARD_PROHIBITED'
  | 'REMOTE_PORT_IN_USE'
  | 'REMOTE_BIND_DIFFERS'
  | 'RELAY_UNAVAILABLE'
  | 'RELAY_LOST'
  | 'TARGET_REFUSED'
  | 'TARGET_UNRESOLVED'
  | 'TARGET_UNREACHABLE'
  | 'TARGET_TIMEOUT'
  | 'UNHEALTHY'
  // us
  | 'UNTRUSTED'
  | 'NOT_RUNNING'
  | 'SUPERVISOR_UNREACHABLE'
  | 'INTERNAL'

/** 1-based line and column (in characters) of `file`, an absolute path (or `-` for standard input). */
export interface Position {
  file: string
  line: number
  column: number
}

export interface Problem {
  code: ProblemCode
  /** One sentence, without a final full stop, that names the thing (forward, host, key) it is about. */
  summary: string
  /** More lines for a person: what was seen. Never a secret. */
  detail?: string
  /** What to do about it. */
  hint?: string
  at?: Position
  /** Path of the key in the file, `forwards.postgres.to`. */
  path?: string
  /** How many characters from `at` the caret underlines; 1 where absent. */
  span?: number
  /** A warning never stops anything. Absent: an error. */
  severity?: 'warning'
}

/** The one error class: carries problems through code that throws. */
export class ProblemError extends Error {
  readonly problems: readonly Problem[]

  constructor(problems: Problem | readonly Problem[]) {
    const list = Array.isArray(problems) ? (problems as readonly Problem[]) : [problems as Problem]
    super(list.map((problem) => problem.summary).join('; '))
    this.name = 'ProblemError'
    this.problems = list
  }
}

/** The problem inside an error; anything unexpected is `INTERNAL` with its message as detail. */
export function problemOf(error: unknown): Problem {
  if (error instanceof ProblemError && error.problems[0]) return error.problems[0]
  if (isOutOfFiles(error)) return outOfFiles
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
  return { code: 'INTERNAL', summary: 'Something unexpected went wrong inside tunnels', detail }
}

/** Met anywhere: whatever opens a file or a socket may be the one too many. */
function isOutOfFiles(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException
  return code === 'EMFILE' || code === 'ENFILE'
}

const outOfFiles: Problem = {
  code: 'LIMIT_REACHED',
  summary: 'Too many files are open: this process, or this machine, may have no more',
  hint: 'Raise the limit where tunnels is started (ulimit -n)',
}

export function isError(problem: Problem): boolean {
  return problem.severity !== 'warning'
}
