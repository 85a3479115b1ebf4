// From what a forward's spec says to the route that its new connections take.

import { parseAllowFrom } from '../forward/allow-from.ts'
import { parseAllowTo } from '../forward/allow-to.ts'
import { dialLocal } from '../forward/local-dial.ts'
import type { Route } from '../forward/traffic.ts'
import type { WantedForward } from '../model/wanted.ts'
import type { OpenConnection } from '../plan/snapshot.ts'
import type { HostSlot } from './host-slot.ts'

/** Local and dynamic dial through the host, remote dials from this machine. */
export function routeOf(spec: WantedForward, slot: HostSlot): Route {
  return {
    to: spec.to,
    dial: spec.kind === 'remote' ? dialLocal : slot.dial,
    allowFrom: spec.allowFrom && parseAllowFrom(spec.allowFrom),
    allowTo: spec.allowTo && parseAllowTo(spec.allowTo),
    auth: spec.auth,
    hostHeader: spec.hostHeader,
    maxConnections: spec.maxConnections,
    idleTimeoutMs: spec.idleTimeoutMs,
    drainMs: spec.drainMs,
  }
}

/** Whether `allow_from` or `allow_to` turns away somebody who is connected already. */
export function refuses(spec: WantedForward, { from, target }: OpenConnection): boolean {
  if (spec.allowFrom && !parseAllowFrom(spec.allowFrom)(from.address)) return true
  if (!spec.allowTo || target?.kind !== 'tcp') return false
  return !parseAllowTo(spec.allowTo)(target.host, target.port)
}
