// One connection on its way: who asks for what, the dial, and the relay. What is made of the outcome is left
// to traffic.ts.

import type { DialTarget, Target } from '../model/address.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import { type AllowTo, isTargetAllowed } from './allow-to.ts'
import type { Connection, Incoming } from './carrier.ts'
import { createHostFilter } from './http-host.ts'
import { once } from './once.ts'
import type { OpenConnection } from './open-connection.ts'
import { relay } from './relay.ts'
import { readSocksRequest } from './socks.ts'
import type { SocksAuth } from './socks-handshake.ts'
import { Stop, type StopSignal } from './stop.ts'
import type { OpenWay, Way } from './way.ts'

/** `ended`: in whatever way, after the target was reached or because nobody waited for it any more. */
export type Outcome =
  | { kind: 'ended' }
  | { kind: 'refused'; problem?: Problem }
  | { kind: 'failed'; problem: Problem }

export interface Carrying {
  way: OpenWay
  /** That of now: a client may take its time before it asks. */
  allowTo: () => AllowTo | null
  /** Called soon after the target has answered, and before `carry` resolves. */
  reached: () => void
}

/** Never rejects. When it resolves both sides are closed or about to. */
export async function carry(
  connection: OpenConnection,
  incoming: Incoming,
  carrying: Carrying,
): Promise<Outcome> {
  let far: Connection | Outcome | undefined
  const stopWatching = cutWhenGone(connection, incoming)
  try {
    const request = await ask(connection, incoming, carrying)
    if ('kind' in request) return request
    far = await dial(connection, request, carrying)
    stopWatching()
    if ('kind' in far) return far
    carrying.way.keep()
    const joined = join(connection, request.grant(), far, carrying.way.current)
    await telling(carrying.reached, joined)
    return { kind: 'ended' }
  } catch (error) {
    if (far && 'abort' in far) far.abort()
    return { kind: 'failed', problem: problemOf(error) }
  } finally {
    stopWatching()
  }
}

/** What waits here goes first: nobody's byte waits for the news. */
async function telling(tell: () => void, joined: Promise<void>): Promise<void> {
  const tellOnce = once(tell)
  setImmediate(tellOnce)
  await joined
  tellOnce()
}

/** Until the target is there: from then on the relay knows better what an end means. */
function cutWhenGone(connection: OpenConnection, { gone }: Incoming): () => void {
  const cut = () => connection.cut()
  gone.addEventListener('abort', cut)
  if (gone.aborted) cut()
  return () => gone.removeEventListener('abort', cut)
}

interface Request {
  /** What a SOCKS client asked for; null: what the way says. */
  asked: DialTarget | null
  grant(): Connection
  refuse(why: Problem): void | Promise<void>
  /** The client is gone, or we are to end. */
  drop(): void
}

async function ask(
  connection: OpenConnection,
  incoming: Incoming,
  { way, allowTo }: Carrying,
): Promise<Request | Outcome> {
  const { to, auth } = way.current
  if (to.kind !== 'socks') return askStraight(incoming)
  const request = await askBySocks(connection, incoming.accept(), auth)
  if ('kind' in request) return request
  connection.target = request.asked
  if (isTargetAllowed(request.asked!, allowTo())) return request
  await request.refuse(notAllowed)
  return { kind: 'refused', problem: notAllowed }
}

const notAllowed: Problem = { code: 'FORWARD_PROHIBITED', summary: 'Not in allow_to' }

function askStraight(incoming: Incoming): Request {
  const refuse = () => incoming.refuse()
  return { asked: null, grant: () => incoming.accept(), refuse, drop: refuse }
}

async function askBySocks(
  connection: OpenConnection,
  near: Connection,
  auth: SocksAuth | null,
): Promise<Request | Outcome> {
  const { signal } = connection
  const asked = await readSocksRequest(near, { auth, signal })
  if (asked === 'gone') return { kind: 'ended' }
  if (asked === 'refused') return { kind: 'refused' }
  const cut = () => connection.cut()
  near.stream.once('close', cut)
  const grant = () => {
    near.stream.off('close', cut)
    asked.grant()
    return near
  }
  return {
    asked: { kind: 'tcp', ...asked.destination },
    grant,
    refuse: asked.refuse,
    drop: () => near.abort(),
  }
}

/** Again, as often as the way changes meanwhile. */
async function dial(
  connection: OpenConnection,
  request: Request,
  { way }: Carrying,
): Promise<Connection | Outcome> {
  while (!connection.signal.aborted) {
    const { to, dial } = way.current
    const stop = new Stop()
    const leave = stopWith(stop, connection.signal, way.changed)
    connection.target = request.asked ?? asDialled(to)
    try {
      const far = await dial(connection.target, connection.from, stop)
      if (!stop.aborted) return far
      far.abort()
    } catch (error) {
      if (!stop.aborted) {
        const problem = problemOf(error)
        await request.refuse(problem)
        return { kind: 'failed', problem }
      }
    } finally {
      leave()
    }
  }
  request.drop()
  return { kind: 'ended' }
}

/** As soon as one of the signals fires. */
function stopWith(stop: Stop, ...signals: StopSignal[]): () => void {
  const abort = () => stop.abort()
  for (const signal of signals) {
    signal.addEventListener('abort', abort)
    if (signal.aborted) abort()
  }
  return () => {
    for (const signal of signals) signal.removeEventListener('abort', abort)
  }
}

/** A way never turns into SOCKS on the way. */
function asDialled(to: Target): DialTarget {
  if (to.kind === 'socks') throw new Error('nobody has asked for a target')
  return to
}

async function join(connection: OpenConnection, near: Connection, far: Connection, { hostHeader }: Way) {
  await relay(near, far, {
    signal: connection.signal,
    onForth: (bytes) => connection.countForth(bytes),
    onBack: (bytes) => connection.countBack(bytes),
    ...(hostHeader !== null && { filter: createHostFilter(hostHeader) }),
  })
}
