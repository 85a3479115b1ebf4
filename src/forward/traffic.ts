// What one forward carries: takes whoever knocks, by the route of that moment, and knows every connection
// until it has ended. Local, remote and dynamic are the same here; who listens is not its business.

import type { ConnectionNews } from '../model/connection.ts'
import type { Problem } from '../model/problem.ts'
import type { ConnectionCounts } from '../model/status.ts'
import type { AllowFrom } from './allow-from.ts'
import { type AllowTo, isTargetAllowed } from './allow-to.ts'
import type { Incoming } from './carrier.ts'
import { carry, type Outcome } from './carry.ts'
import { connectionNews, refusalNews } from './connection-news.ts'
import { descriptorProblem, descriptorSettled, hasDescriptorRoom } from './descriptors.ts'
import { once } from './once.ts'
import { type ConnectionView, OpenConnection } from './open-connection.ts'
import { OpenWay, type Way } from './way.ts'

/** The way that new connections go, and those whose target has not answered yet. The others keep the one they have. */
export interface Route extends Way {
  allowFrom: AllowFrom | null
  allowTo: AllowTo | null
  maxConnections: number
  /** A connection on which nothing moves for this long, once its target was reached, is cut; 0: never. */
  idleTimeoutMs: number
  /** How long connections may go on after the route has changed; 0 cuts them at once. */
  drainMs: number
}

export interface TrafficOptions {
  /** `local`: whoever knocks is on this machine; `remote`: comes through SSH. */
  direction: 'local' | 'remote'
  /** Counts, connections or the problem may be other than before. Called often: look, do not work. */
  onChange?: () => void
  /** What became of a connection, as it happens. */
  onConnection?: (news: ConnectionNews) => void
}

export interface Traffic {
  /**
   * limits: nothing is interrupted. policy: open connections that are no longer allowed are cut. route: those open
   * keep the old way and drain, those that still wait for their target take the new one. For an edit of several kinds it is called once for each.
   */
  setRoute(route: Route, change: 'limits' | 'policy' | 'route'): void
  /** `through`: what it came to, for {@link drain}. */
  handle(incoming: Incoming, through?: string): void
  /**
   * Those open now (of them those that came to what is meant) drain, and are cut after `ms`; resolves when none of them is
   * left. Never rejects.
   */
  drain(ms: number, isMeant?: (through: string) => boolean): Promise<void>
  /** Cuts all. */
  cut(): void
  /** `total`: all that ever knocked; `active` and `draining` are different ones. */
  readonly counts: ConnectionCounts
  /** `in` came to this machine through SSH, `out` left it through SSH. */
  readonly bytes: { in: number; out: number }
  connections(): ConnectionView[]
  /** Of the last connection: why it failed, until the next that succeeds; or that a limit is reached, until one ends. */
  readonly problem: Problem | null
}

export function createTraffic(initial: Route, options: TrafficOptions): Traffic {
  const { direction, onChange = () => {}, onConnection = () => {} } = options
  const open = new Map<OpenConnection, OpenWay>()
  const counts = { total: 0, failed: 0, refused: 0 }
  const bytes = { in: 0, out: 0 }
  let route = initial
  let problem: Problem | null = null

  const handle = (incoming: Incoming, through = '') => {
    counts.total++
    const refusal = whyRefused(incoming, route, open.size)
    if (refusal) {
      counts.refused++
      if (refusal.code === 'LIMIT_REACHED') problem = refusal
      incoming.refuse()
      onConnection(refusalNews(incoming.from, refusal))
      return onChange()
    }
    const connection = new OpenConnection(incoming.from, route.drainMs, direction, bytes, through)
    const way = new OpenWay(route)
    open.set(connection, way)
    onChange()
    const settle = once(descriptorSettled)
    // Who knocks on this machine has its descriptor already; through SSH only the dial takes one.
    if (direction === 'local') settle()
    const { idleTimeoutMs } = route
    const reached = () => {
      settle()
      connection.cutWhenIdle(idleTimeoutMs)
      if (problem?.code !== 'LIMIT_REACHED') problem = null
      // Told a moment later, when the first bytes may be on their way.
      onConnection({ ...connectionNews('opened', connection), bytes: { in: 0, out: 0 } })
      onChange()
    }
    void carry(connection, incoming, { way, allowTo: () => route.allowTo, reached }).then((outcome) => {
      settle()
      open.delete(connection)
      connection.end()
      if (outcome.kind === 'refused') counts.refused++
      if (outcome.kind === 'failed') counts.failed++
      if (outcome.kind === 'failed' && isOfForward(outcome.problem)) problem = outcome.problem
      onConnection(newsOf(connection, outcome))
      clearLimit()
      onChange()
    })
  }
  /** There is room again; that a connection from before the limit has reached its target makes none. */
  const clearLimit = () => {
    if (problem?.code === 'LIMIT_REACHED' && open.size < route.maxConnections) problem = null
  }
  const setRoute: Traffic['setRoute'] = (next, change) => {
    route = next
    clearLimit()
    if (change === 'policy') for (const each of open.keys()) if (!isStillAllowed(each, next)) each.cut()
    if (change === 'route') for (const [each, way] of open) turn(each, way, next)
    onChange()
  }
  const drain = async (ms: number, isMeant = (_through: string) => true) => {
    const leaving = [...open.keys()].filter(({ through }) => isMeant(through))
    for (const each of leaving) each.drain(ms)
    onChange()
    await Promise.all(leaving.map((each) => each.ended))
  }
  return {
    setRoute,
    handle,
    drain,
    cut: () => {
      for (const each of open.keys()) each.cut()
    },
    get counts() {
      const draining = [...open.keys()].filter((each) => each.draining).length
      return { active: open.size - draining, draining, ...counts }
    },
    bytes,
    connections: () => [...open.keys()].map((each) => each.view()),
    get problem() {
      // The room that others left is nobody's event.
      const isOver =
        problem?.code === 'LIMIT_REACHED' && open.size < route.maxConnections && hasDescriptorRoom()
      if (isOver) problem = null
      return problem
    },
  }
}

function turn(connection: OpenConnection, way: OpenWay, next: Route): void {
  if (way.take(next)) connection.drainMs = next.drainMs
  else connection.drain(connection.drainMs)
}

function whyRefused(incoming: Incoming, route: Route, open: number): Problem | null {
  if (route.allowFrom && !route.allowFrom(incoming.from.address)) return notAllowed
  if (open < route.maxConnections) return descriptorProblem()
  const summary = `All ${route.maxConnections} connections are in use (max_connections)`
  return { code: 'LIMIT_REACHED', summary, hint: 'Close some of them, or raise max_connections' }
}

const notAllowed: Problem = { code: 'FORWARD_PROHIBITED', summary: 'Not in allow_from' }

function newsOf(connection: OpenConnection, outcome: Outcome): ConnectionNews {
  if (outcome.kind === 'ended') return connectionNews('closed', connection, connection.endReason)
  return connectionNews(outcome.kind, connection, outcome.problem ?? null)
}

function isStillAllowed({ from, target }: OpenConnection, { allowFrom, allowTo }: Route): boolean {
  const isFromAllowed = !allowFrom || allowFrom(from.address)
  return isFromAllowed && (target === null || isTargetAllowed(target, allowTo))
}

/** A host that is down, or lets us in no more, says so itself: it is not this forward's problem. */
function isOfForward({ code }: Problem): boolean {
  return !code.startsWith('HOST_') && !code.startsWith('AUTH_')
}
