// One connection on its way: who asks for what, the dial, and the relay. What is made of the outcome is left
// to traffic.ts.

import type { DialTarget, Target } from '../model/address.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import { type AllowTo, isTargetAllowed } from './allow-to.ts'
import type { Connection, Dial, Incoming } from './carrier.ts'
import { createHostFilter } from './http-host.ts'
import type { OpenConnection } from './open-connection.ts'
import { relay } from './relay.ts'
import { readSocksRequest } from './socks.ts'
import type { SocksAuth } from './socks-handshake.ts'

/** `ended`: in whatever way, after the target was reached or because nobody waited for it any more. */
export type Outcome =
  | { kind: 'ended' }
  | { kind: 'refused'; problem?: Problem }
  | { kind: 'failed'; problem: Problem }

/** The route of the moment when it knocked. */
export interface Way {
  to: Target
  dial: Dial
  auth: SocksAuth | null
  hostHeader: string | null
  /** That of now: a client may take its time before it asks. */
  allowTo: () => AllowTo | null
  /** Called when the target has answered. */
  reached: () => void
}

/** Never rejects. When it resolves both sides are closed or about to. */
export async function carry(connection: OpenConnection, incoming: Incoming, way: Way): Promise<Outcome> {
  let far: Connection | Outcome | undefined
  const stopWatching = cutWhenGone(connection, incoming)
  try {
    const request = await ask(connection, incoming, way)
    if ('kind' in request) return request
    far = await dial(connection, request, way)
    stopWatching()
    if ('kind' in far) return far
    way.reached()
    await join(connection, request.grant(), far, way)
    return { kind: 'ended' }
  } catch (error) {
    if (far && 'abort' in far) far.abort()
    return { kind: 'failed', problem: problemOf(error) }
  } finally {
    stopWatching()
  }
}

/** Until the target is there: from then on the relay knows better what an end means. */
function cutWhenGone(connection: OpenConnection, { gone }: Incoming): () => void {
  const cut = () => connection.cut()
  gone.addEventListener('abort', cut)
  if (gone.aborted) cut()
  return () => gone.removeEventListener('abort', cut)
}

interface Request {
  target: DialTarget
  grant(): Connection
  refuse(why: Problem): void | Promise<void>
  /** The client is gone, or we are to end. */
  drop(): void
}

async function ask(connection: OpenConnection, incoming: Incoming, way: Way): Promise<Request | Outcome> {
  const { to } = way
  const request =
    to.kind === 'socks' ? await askBySocks(connection, incoming.accept(), way) : askStraight(to, incoming)
  if ('kind' in request) return request
  connection.target = request.target
  if (to.kind !== 'socks' || isTargetAllowed(request.target, way.allowTo())) return request
  await request.refuse(notAllowed)
  return { kind: 'refused', problem: notAllowed }
}

const notAllowed: Problem = { code: 'FORWARD_PROHIBITED', summary: 'Not in allow_to' }

function askStraight(target: DialTarget, incoming: Incoming): Request {
  const refuse = () => incoming.refuse()
  return { target, grant: () => incoming.accept(), refuse, drop: refuse }
}

async function askBySocks(
  connection: OpenConnection,
  near: Connection,
  { auth }: Way,
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
    target: { kind: 'tcp', ...asked.destination },
    grant,
    refuse: asked.refuse,
    drop: () => near.abort(),
  }
}

async function dial(connection: OpenConnection, request: Request, way: Way): Promise<Connection | Outcome> {
  const { signal, from } = connection
  try {
    const far = await way.dial(request.target, from, signal)
    if (!signal.aborted) return far
    far.abort()
  } catch (error) {
    if (!signal.aborted) {
      const problem = problemOf(error)
      await request.refuse(problem)
      return { kind: 'failed', problem }
    }
  }
  request.drop()
  return { kind: 'ended' }
}

async function join(connection: OpenConnection, near: Connection, far: Connection, { hostHeader }: Way) {
  await relay(near, far, {
    signal: connection.signal,
    onForth: (bytes) => connection.countForth(bytes),
    onBack: (bytes) => connection.countBack(bytes),
    ...(hostHeader !== null && { filter: createHostFilter(hostHeader) }),
  })
}
