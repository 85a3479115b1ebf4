// Waits until a connection has really gone through each forward, to its target, or as its healthcheck says: what a port
// that listens cannot tell. What can heal is waited for; what cannot is told at once.

import { setTimeout as delay } from 'node:timers/promises'
import type { ControlClient } from '../control/client.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { ForwardStatus, Status } from '../model/status.ts'
import { type Outcome, whileFollowing } from './first-outcome.ts'
import { type Followed, forwardsMeant, isLost } from './follow.ts'
import type { Invocation } from './invocation.ts'
import { troubledForwards } from './tell-troubles.ts'

export interface Carried {
  status: Status
  /** Those through which nothing goes, each with the problem that keeps it; empty: all carry. */
  failures: ForwardStatus[]
}

export interface Carrying extends Outcome {
  /** Forwards of those meant: the others have only to be open. Absent: all of them. */
  probed?: readonly string[]
  /** Where a forward listens on a port of `--auto-ports`, too, only that one has to be open. */
  auto?: boolean
  /** What is not waited for, although it could heal. */
  isFinal?: (problem: Problem) => boolean
  /** To be asked whether somebody is thinking about an answer: nothing may be written behind the question. */
  onFollowed?: (followed: Pick<Followed, 'isAsking'>) => void
  /** Is told, after each round in which nobody is being asked, of those that are waited for. */
  onFailures?: (failures: readonly ForwardStatus[]) => void
}

/** Of one round; a host that is waited for may take as long. */
const ROUND_MS = 10_000
const FIRST_PAUSE_MS = 100
const LONGEST_PAUSE_MS = 1_000

/** Of what is wrong when time is up. Rejects with a ProblemError when the supervisor is gone. */
export function untilCarried(
  invocation: Invocation,
  client: ControlClient,
  outcome: Carrying,
): Promise<Carried> {
  const { hasPerson } = invocation.terminal
  const { isFinal = () => false, onFollowed, onFailures } = outcome
  const isProbed = (name: string) => outcome.probed?.includes(name) ?? true
  return whileFollowing(invocation, client, outcome, async (followed, over) => {
    onFollowed?.(followed)
    let carried: Carried | null = null
    const all = outcome.probed ?? outcome.names
    const probe = probing(client, outcome)
    let asked = all
    for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs = Math.min(2 * pauseMs, LONGEST_PAUSE_MS)) {
      const round = await probe(asked, over)
      asked = round ? round.failures.map(({ name }) => name).filter(isProbed) : all
      carried = round ?? carried
      if (over.aborted || (carried && isDecided(carried, hasPerson, isFinal))) break
      if (round && !followed.isAsking) onFailures?.(round.failures)
      await delay(pauseMs, undefined, { signal: over }).catch(() => {})
    }
    // Rejects where all is over because it has gone.
    const status = await client.status()
    return carried ?? unproven(status, outcome.names, isProbed)
  })
}

/**
 * Who has carried once is not asked again. A round is null when there was no time for it, or an edit has taken one away
 * meanwhile.
 */
function probing(client: ControlClient, { names, timeoutMs, auto = false }: Carrying) {
  const carried = new Set<string>()
  const endMs = performance.now() + timeoutMs
  return async (asked: readonly string[] | null, over: AbortSignal): Promise<Carried | null> => {
    // A little less than is left: who answers in time can say which of them carry.
    const leftMs = 0.9 * (endMs - performance.now())
    const roundMs = leftMs > 0 ? Math.min(ROUND_MS, leftMs) : ROUND_MS
    const request = { timeoutMs: roundMs, ...(auto && { auto }), ...(asked && { names: [...asked] }) }
    const answer = await client.probe(request, over).catch((error: unknown) => {
      if (over.aborted || (asked !== names && problemOf(error).code === 'USAGE')) return null
      throw error
    })
    if (!answer) return null
    const { status, failures } = troublesOf(await client.status(), names)
    const problems = new Map(answer.forwards.map(({ name, problem }) => [name, problem]))
    for (const [name, problem] of problems) if (!problem) carried.add(name)
    const unreached = forwardsMeant(status, names).flatMap((forward) => {
      const problem = problems.get(forward.name)
      return problem ? [{ ...forward, problem }] : []
    })
    const named = new Set(unreached.map(({ name }) => name))
    // The state is that of all of its ports.
    const others = failures.filter(({ name }) => !named.has(name) && !(auto && carried.has(name)))
    return { status, failures: [...unreached, ...others] }
  }
}

/** Of no round is the outcome known: that it is open says nothing of what is behind it. */
function unproven(
  status: Status,
  names: readonly string[] | null,
  isProbed: (name: string) => boolean,
): Carried {
  const { failures } = troublesOf(status, names)
  const told = new Set(failures.map(({ name }) => name))
  const mute = forwardsMeant(status, names).filter(({ name }) => isProbed(name) && !told.has(name))
  const problem = ({ name }: ForwardStatus): Problem => ({
    code: 'TARGET_TIMEOUT',
    summary: `Nothing has come through ${name} in time`,
  })
  return { status, failures: [...failures, ...mute.map((each) => ({ ...each, problem: problem(each) }))] }
}

function troublesOf(status: Status, names: readonly string[] | null): Carried {
  return { status, failures: troubledForwards(status, names) }
}

function isDecided(
  { status, failures }: Carried,
  hasPerson: boolean,
  isFinal: (problem: Problem) => boolean,
): boolean {
  const isHopeless = (forward: ForwardStatus) => {
    if (forward.problem && isFinal(forward.problem)) return true
    const next = status.hosts.find(({ name }) => name === forward.via)?.next
    return next?.state === 'failed' || isLost(forward, status, hasPerson)
  }
  return failures.length === 0 || failures.some(isHopeless)
}
