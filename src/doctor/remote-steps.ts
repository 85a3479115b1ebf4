// A remote forward at its host: asked for as `up` would, looked at from over there, and given back. Where the project
// runs and holds it already, it is only looked at.

import { setTimeout as delay } from 'node:timers/promises'
import type { Carrier } from '../forward/carrier.ts'
import { type DialTarget, formatListenSpec, type ListenSpec } from '../model/address.ts'
import { withDeadline } from '../model/deadline.ts'
import type { Step } from '../model/diagnosis.ts'
import { problemOf } from '../model/problem.ts'
import type { WantedRemoteForward } from '../model/wanted.ts'
import { askFarSide } from '../ssh/far-side.ts'
import { isLoopback, LIST_LISTENERS, listenersIn, type Scope, scopeOf } from './far-listeners.ts'
import type { Running } from './local-steps.ts'
import { listenRemedies, type Policy } from './policy.ts'
import { reachStep } from './reach.ts'
import { notReached, well, wrong } from './step.ts'

/** How long a connection may take from a server's own listener to us. */
const ARRIVAL_MS = 1_000

/** The far side as one connection shows it. */
export interface FarSide {
  carrier: Carrier
  /** By what address we reached it; null behind another machine. */
  address: string | null
  timeoutMs: number
  policy: () => Promise<Policy>
  signal: AbortSignal
}

type Found = { scope: Scope; addresses: string[] } | null

export async function remoteSteps(
  forward: WantedRemoteForward,
  running: Running | null,
  far: FarSide,
): Promise<Step[]> {
  const { listen, via, gateway } = forward
  const asked = `${formatListenSpec(listen)} on ${via}`
  if (running) {
    const step = well('remote_listen', `${asked}: held by this project (process ${running.pid})`)
    const port = portOf(running.forward.listen[0])
    return [step, ...(listen.kind === 'tcp' ? [reachStep(via, listen, await readListeners(far, port))] : [])]
  }
  const arrivals = new Arrivals()
  try {
    const options = { replace: forward.socket.replace, gateway }
    const listener = await far.carrier.listen(listen, options, (incoming) => {
      arrivals.count += 1
      incoming.refuse()
    })
    try {
      const who = gateway ? 'a relay was started and listens' : 'the server listens'
      const step = well('remote_listen', `${asked}: free, and ${who} there`)
      return [step, ...(await lookAt(listen, via, listener.port, arrivals, far))]
    } finally {
      await listener.close()
    }
  } catch (error) {
    far.signal.throwIfAborted()
    return [
      await refused(forward, problemOf(error), far),
      ...(listen.kind === 'tcp' ? [notReached('reach')] : []),
    ]
  }
}

/** A relay's problem says itself what it takes. */
async function refused(
  { listen, gateway }: WantedRemoteForward,
  problem: ReturnType<typeof problemOf>,
  far: FarSide,
): Promise<Step> {
  const isPolicy = problem.code === 'FORWARD_PROHIBITED' && !gateway
  return wrong('remote_listen', problem, isPolicy ? listenRemedies(listen, await far.policy()) : [])
}

async function lookAt(
  listen: ListenSpec,
  via: string,
  port: number,
  arrivals: Arrivals,
  far: FarSide,
): Promise<Step[]> {
  if (listen.kind === 'unix') return []
  const found = (await readListeners(far, port)) ?? (await tryAddresses(far, port, arrivals))
  far.signal.throwIfAborted()
  return [reachStep(via, listen, found)]
}

function portOf(listen: string | undefined): number {
  return Number(listen?.slice(listen.lastIndexOf(':') + 1) ?? 0)
}

/** What the far side's own tools say; null where no command may run, or none of them is there. */
async function readListeners({ carrier, signal, timeoutMs }: FarSide, port: number): Promise<Found> {
  const limit = withDeadline(signal, timeoutMs)
  const text = await askFarSide(carrier, LIST_LISTENERS, limit)
  const addresses = listenersIn(text ?? '', port)
  return addresses.length > 0 ? { scope: scopeOf(addresses), addresses } : null
}

/**
 * The server connects to itself, where it lets us through: what reaches our listener by an address that is not its
 * loopback comes from outside, too. On Linux 127.0.0.2 is such an address: only a listener on all of them hears it.
 */
async function tryAddresses(far: FarSide, port: number, arrivals: Arrivals): Promise<Found> {
  const reaches = async (host: string) => arrives(far, { kind: 'tcp', host, port }, arrivals)
  if (!(await reaches('localhost'))) return null
  const outside = far.address !== null && !isLoopback(far.address) ? [far.address] : []
  for (const host of [...outside, '127.0.0.2'])
    if (await reaches(host)) return { scope: 'all', addresses: [] }
  return { scope: 'loopback', addresses: [] }
}

class Arrivals {
  count = 0
}

/** Somebody else may answer there: only what comes to us counts. */
async function arrives(far: FarSide, target: DialTarget, arrivals: Arrivals): Promise<boolean> {
  const before = arrivals.count
  const limit = withDeadline(far.signal, far.timeoutMs)
  try {
    const connection = await far.carrier.dial(target, { address: null, port: 0 }, limit)
    const end = performance.now() + ARRIVAL_MS
    while (arrivals.count === before && performance.now() < end) await delay(10)
    connection.abort()
  } catch {
    far.signal.throwIfAborted()
  }
  return arrivals.count > before
}
