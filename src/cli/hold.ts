// Holds a part of a project open for as long as this process lives: in the supervisor that runs for it, or in one that is
// started for this and ends with the last who holds something there.

import { setTimeout as delay } from 'node:timers/promises'
import { type ControlClient, openControlClient } from '../control/client.ts'
import { isAlive } from '../control/lock.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import { withTrust } from '../supervisor/selection.ts'
import { wordChange } from '../view/plan.ts'
import { makePrintable } from '../view/printable.ts'
import { agree } from './agree.ts'
import { untilGone } from './attach.ts'
import type { Invocation } from './invocation.ts'
import { noteOtherVersion } from './project.ts'
import { canAsk } from './questions.ts'
import { type LoadedSelection, showProblems } from './selection.ts'
import { spawnSupervisor } from './spawn-supervisor.ts'

export interface Holding {
  client: ControlClient
  /** By name. */
  forwards: readonly string[]
  /** Resolves when it is held no more: with a problem where the supervisor has gone without a word. */
  over: Promise<Problem | null>
  letGo: AbortController
  /** From then on nobody is there to answer what hosts ask. */
  leave(): void
}

export interface HoldOptions {
  /** `--trust`. */
  trust: boolean
  /** `--auto-ports`. */
  autoPorts: boolean
}

/** A number: nobody agreed to what the files may do, with this exit code, which has been told. Else rejects with a ProblemError. */
export async function hold(
  invocation: Invocation,
  loaded: LoadedSelection,
  how: HoldOptions,
): Promise<Holding | number> {
  const { env, version } = invocation
  for (;;) {
    const client = await openControlClient({ place: loaded.place, env, version })
    const holding = client && (await joinUnlessGone(invocation, client, loaded, how))
    if (holding !== null) return holding
    await spawnSupervisor(invocation, withNothing(loaded), { watch: true, isLeased: true })
  }
}

/** Null: it ended before it could be joined, or left only its socket behind; the place is free. */
async function joinUnlessGone(
  invocation: Invocation,
  client: ControlClient,
  loaded: LoadedSelection,
  how: HoldOptions,
): Promise<Holding | number | null> {
  try {
    return await takeLease(invocation, client, loaded, how)
  } catch (error) {
    if (problemOf(error).code !== 'NOT_RUNNING') throw error
    await untilGone(invocation, client)
    return null
  }
}

/** What it opens, leases say. */
function withNothing(loaded: LoadedSelection): LoadedSelection {
  return { ...loaded, selection: { ...loaded.selection, profiles: [], names: [] } }
}

async function takeLease(
  invocation: Invocation,
  client: ControlClient,
  { selection, sources }: LoadedSelection,
  { trust, autoPorts }: HoldOptions,
): Promise<Holding | number> {
  if (client.otherVersion) noteOtherVersion(invocation, client.otherVersion)
  const look = async (trusted: readonly string[]) => {
    const { waiting } = await client.trust({ selection, lease: true, trusted: [...trusted] })
    return waiting
  }
  const trusted = await agree(invocation, look, { trust, sources })
  if (typeof trusted === 'number') return trusted
  const [letGo, attending] = [new AbortController(), new AbortController()]
  const leave = () => attending.abort()
  try {
    // From before, so that no question is answered with nobody.
    if (canAsk(invocation)) await client.attend(attending.signal)
    const asked = { selection: withTrust(selection, trusted), pid: process.pid, autoPorts }
    const { answer, over } = await client.lease(asked, letGo.signal)
    showProblems(
      invocation,
      answer.problems.filter(({ code }) => code === 'PORT_IN_USE'),
    )
    return { client, forwards: answer.forwards, over, letGo, leave }
  } catch (error) {
    leave()
    throw error
  }
}

/** How long what was held may take to be closed: longer than hosts are waited for. */
const CLOSE_MS = 6_000
const LOOK_AGAIN_MS = 25

/**
 * Holds it again where its supervisor was killed. The returned function lets go, and resolves when what nobody else
 * holds is closed.
 */
export function keepHolding(
  invocation: Invocation,
  loaded: LoadedSelection,
  first: Holding,
  { autoPorts }: HoldOptions,
): () => Promise<void> {
  let holding = first
  let isOver = false
  const over = new AbortController()
  const watch = () => void tellClosed(invocation, holding, over.signal).catch(() => {})
  watch()
  const keep = async () => {
    for (let problem = await holding.over; problem && !isOver; problem = await holding.over) {
      invocation.terminal.complain(problem.summary)
      const again = await hold(invocation, loaded, { trust: false, autoPorts })
      if (typeof again === 'number') return
      again.leave()
      holding = again
      watch()
    }
    if (!isOver) invocation.terminal.complain('The tunnels were closed by somebody else; the command runs on')
  }
  keep().catch((error: unknown) => showProblems(invocation, [problemOf(error)]))
  return async () => {
    isOver = true
    over.abort()
    await giveBack(holding)
  }
}

/** Says what somebody else, or an edit, takes away from under the command. Ends with the signal or the supervisor. */
async function tellClosed(
  { terminal }: Invocation,
  { client, forwards }: Holding,
  signal: AbortSignal,
): Promise<void> {
  for await (const event of await client.openEvents(signal)) {
    if (event.event !== 'plan' || signal.aborted) continue
    for (const change of event.plan.changes) {
      const { action, what, name } = change
      if (action !== 'close' || what !== 'forward' || !forwards.includes(name)) continue
      terminal.complain(`${makePrintable(name)} is closed (${wordChange(change)}); the command runs on`)
    }
  }
}

/** Resolves when what nobody else holds is closed. */
export async function giveBack({ letGo, client }: Holding): Promise<void> {
  letGo.abort()
  await untilClosed(client)
}

async function untilClosed(client: ControlClient): Promise<void> {
  for (const deadline = Date.now() + CLOSE_MS; Date.now() < deadline; await delay(LOOK_AGAIN_MS)) {
    if (!(await isAlive(client.socket))) return
    const { leases = [] } = await client.status().catch(() => ({ leases: [] }))
    if (!leases.some(({ pid }) => pid === process.pid)) return
  }
}
