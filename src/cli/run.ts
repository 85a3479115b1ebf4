// `tunnels run`: a command with tunnels around it. What it needs is held by a lease that lives as long as this process;
// the command begins when a connection has gone through each forward.

import { parseDuration } from '../config/duration.ts'
import type { ControlClient } from '../control/client.ts'
import { parseShownAddress } from '../model/address.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { ForwardStatus } from '../model/status.ts'
import type { Variables } from '../model/variables.ts'
import { formatJson } from '../view/json.ts'
import { makePrintable } from '../view/printable.ts'
import { refuseTroubled } from './addresses.ts'
import { besideCommand, EXIT, exitCodeOfForwards } from './exit-code.ts'
import type { Followed } from './follow.ts'
import { giveBack, type Holding, hold, keepHolding } from './hold.ts'
import type { Invocation } from './invocation.ts'
import { runCommand } from './run-command.ts'
import { loadSelection, withoutWarnings } from './selection.ts'
import { tellTroubles, troubledForwards, troubleOf } from './tell-troubles.ts'
import { type Kept, tellKept } from './tell-waiting.ts'
import { untilCarried } from './until-carried.ts'
import { withAgreement } from './up.ts'

export interface RunArguments {
  names: string[]
  /** What stands behind `--`; null where there is none. */
  command: string[] | null
  /** `--trust`. */
  trust: boolean
  /** `--auto-ports`: every port that listens here is a free one. */
  autoPorts: boolean
  /** A duration as the file writes it; null: a minute. */
  waitTimeout: string | null
}

/** The command's exit code; 128 and its number for a signal. 2, 4 and 125 are ours, before it was begun. */
export async function run(invocation: Invocation, args: RunArguments): Promise<number> {
  const [program, ...words] = args.command ?? []
  if (program === undefined) throw new ProblemError(noCommand)
  const timeoutMs = waitMsOf(args.waitTimeout)
  const read = await loadSelection(withoutWarnings(invocation), args.names.length > 0 ? args.names : null)
  if (!read) return EXIT.usage
  const loaded = await withAgreement(invocation, read, args.trust)
  if (typeof loaded === 'number') return loaded
  const holding = await hold(invocation, loaded, args)
  if (typeof holding === 'number') return holding
  const variables = await untilUsable(invocation, holding, { timeoutMs, auto: args.autoPorts })
  if (typeof variables === 'number') {
    await giveBack(holding)
    return variables
  }
  holding.leave()
  const letGo = keepHolding(invocation, loaded, holding, args)
  try {
    return await runCommand(invocation, [program, ...words], variables)
  } finally {
    await letGo()
  }
}

const noCommand: Problem = {
  code: 'USAGE',
  summary: 'There is no command to run',
  hint: 'Write it behind two dashes: tunnels run web -- curl http://localhost:8080',
}

const DEFAULT_WAIT_MS = 60_000
const QUIET_MS = 1_000

/** 0 waits for ever, as far as a timer goes. */
function waitMsOf(text: string | null): number {
  const duration = parseDuration(text ?? `${DEFAULT_WAIT_MS}ms`)
  if (duration.ok) return duration.value || 2 ** 31 - 1
  throw new ProblemError({ code: 'USAGE', summary: `--wait-timeout ${duration.complaint}` })
}

/** A number: what is held cannot be used, with this exit code, which has been told. */
async function untilUsable(
  invocation: Invocation,
  { client, forwards }: Holding,
  { timeoutMs, auto }: { timeoutMs: number; auto: boolean },
): Promise<Variables | number> {
  const ofHere = (await client.addresses()).forwards.filter(
    ({ name, kind }) => forwards.includes(name) && kind !== 'remote',
  )
  const waiting = openWaiting(invocation, client, forwards)
  const { failures } = await untilCarried(withoutWarnings(invocation), client, {
    names: forwards,
    // What a remote forward leads to is on this machine: perhaps the command itself.
    probed: ofHere.map(({ name }) => name),
    timeoutMs,
    auto,
    // Whoever has the port is what the command would talk to.
    isFinal: ({ code }) => code === 'PORT_IN_USE' || code.startsWith('LISTEN_'),
    onFollowed: waiting.follow,
    onFailures: waiting.tell,
  }).finally(waiting.stop)
  if (failures.length === 0) return variablesFor(client, forwards, auto)
  const told = failures.map(withRemedy)
  if (invocation.options.json) invocation.terminal.print(`${formatJson({ problems: told.map(troubleOf) })}\n`)
  else tellTroubles(invocation, told, 'is open, but nothing gets through')
  return besideCommand(exitCodeOfForwards(failures))
}

/** Nothing is tried again by itself here, and the command need not be on that port. */
function withRemedy(forward: ForwardStatus): ForwardStatus {
  const { problem, listen } = forward
  const port = listen.map(parseShownAddress).find((address) => address?.kind === 'tcp')?.port
  if (problem?.code !== 'PORT_IN_USE' || port === undefined) return forward
  const hint = `\`tunnels ls ${port}\` says more of who that is; with --auto-ports the command gets a free port instead`
  return { ...forward, problem: { ...problem, hint } }
}

async function variablesFor(
  client: ControlClient,
  names: readonly string[],
  auto: boolean,
): Promise<Variables> {
  const { forwards } = await client.addresses({ auto })
  const own = forwards.filter(({ name }) => names.includes(name))
  refuseTroubled(own.filter(({ variables }) => variables === null || Object.keys(variables).length > 0))
  return Object.assign({}, ...own.map(({ variables }) => variables))
}

/** A word for who wonders why nothing happens. */
function openWaiting({ terminal }: Invocation, client: ControlClient, names: readonly string[]) {
  const tellNew = tellKept(terminal)
  let isOver = false
  let followed: Pick<Followed, 'isAsking'> | null = null
  const tell = (kept: readonly Kept[]) => {
    if (!isOver && !followed?.isAsking) tellNew(kept)
  }
  const say = () => {
    // Who is asked knows why nothing happens.
    if (followed?.isAsking) {
      timer = setTimeout(say, QUIET_MS)
      return
    }
    terminal.note(`Waiting until a connection goes through ${names.map(makePrintable).join(', ')} …`)
    // A host that is not there would be told after the first round, which waits for it.
    const look = async () => tell(troubledForwards(await client.status(), names))
    look().catch(() => {})
  }
  let timer = setTimeout(say, QUIET_MS)
  const follow = (by: Pick<Followed, 'isAsking'>) => {
    followed = by
  }
  const stop = () => {
    isOver = true
    clearTimeout(timer)
  }
  return { follow, tell, stop }
}
