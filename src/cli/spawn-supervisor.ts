// Starts a supervisor that lives on without this terminal. What it is to do goes through a pipe, never through
// its arguments or its environment; it answers through another pipe when it has taken the file, or why not.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync } from 'node:fs'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { text } from 'node:stream/consumers'
import type { ProjectPlace } from '../control/paths.ts'
import type { Selection } from '../control/protocol.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Invocation } from './invocation.ts'
import { logPath, openLogEnd } from './log-path.ts'
import { canAsk } from './questions.ts'
import type { LoadedSelection } from './selection.ts'

/** What the new process reads from its standard input. */
export interface SuperviseRequest {
  place: ProjectPlace
  selection: Selection
  watch: boolean
  /** As `up --http`; null: nowhere. */
  http: string | null
  /** Each connection is in the log, too. */
  verbose: boolean
  /** Who starts it will be there to answer prompts. */
  expectsPerson: boolean
  /** It ends with the last lease. */
  isLeased: boolean
}

/** What it writes to its fourth pipe, once. `running`: another one was quicker. */
export type SuperviseAnswer = { started: true } | { running: true } | { problems: Problem[] }

/** Resolves when it answers on its control socket; rejects with its problems. */
export async function spawnSupervisor(
  invocation: Invocation,
  { place, selection }: LoadedSelection,
  { watch, http = null, isLeased = false }: { watch: boolean; http?: string | null; isLeased?: boolean },
): Promise<'started' | 'running'> {
  const { mainPath, env, options } = invocation
  // For what Node itself has to say at the end; the same file that its log goes to.
  const log = openLogEnd(invocation, place)
  const file = join(place.folder, place.file)
  const child = spawn(process.execPath, [...process.execArgv, mainPath, '__supervise', file], {
    cwd: place.folder,
    detached: true,
    env: filterEnvironment(env),
    stdio: ['pipe', log ?? 'ignore', log ?? 'ignore', 'pipe'],
  })
  if (log !== null) closeSync(log)
  const expectsPerson = canAsk(invocation)
  const { verbose } = options
  const request: SuperviseRequest = { place, selection, watch, http, verbose, expectsPerson, isLeased }
  const [stdin, answers] = [child.stdin as Writable, child.stdio[3] as Readable]
  stdin.on('error', () => {})
  stdin.end(JSON.stringify(request))
  const failed = once(child, 'error').then(([error]) => Promise.reject(error))
  const answer = await Promise.race([text(answers), failed])
  child.unref()
  return outcomeOf(answer, log === null ? null : logPath(place))
}

function outcomeOf(text: string, log: string | null): 'started' | 'running' {
  if (text === '') throw new ProblemError(died(log))
  const answer = JSON.parse(text) as SuperviseAnswer
  if ('problems' in answer) throw new ProblemError(answer.problems)
  return 'started' in answer ? 'started' : 'running'
}

function died(log: string | null): Problem {
  return {
    code: 'SUPERVISOR_UNREACHABLE',
    summary: 'The supervisor ended before it had started',
    hint: log ? `Its last words are in ${log}` : '`tunnels up` without -d shows why',
  }
}

/**
 * Whatever else is in this environment is none of the supervisor's business, and stays out of its /proc/PID/environ;
 * what the files mention, it gets from us through the pipe.
 */
function filterEnvironment(env: Invocation['env']): NodeJS.ProcessEnv {
  const isWanted = (name: string) => names.has(name) || prefixes.some((prefix) => name.startsWith(prefix))
  return Object.fromEntries(Object.entries(env).filter(([name]) => isWanted(name)))
}

/** By name: a NODE_AUTH_TOKEN or a TUNNELS_PASSWORD is somebody's secret. */
const names = new Set(
  (
    'PATH HOME USER LOGNAME SHELL LANG TZ TMPDIR SSH_AUTH_SOCK SSH_ASKPASS ' +
    'NODE_OPTIONS NODE_ENV NODE_NO_WARNINGS NODE_V8_COVERAGE NODE_COMPILE_CACHE ' +
    'TUNNELS_RUNTIME_DIR TUNNELS_STATE_DIR TUNNELS_WINDOW_BUDGET'
  ).split(' '),
)
const prefixes = ['LC_', 'XDG_']
