// Decides what changes, purely: Wanted and Snapshot in, Plan out. Looks at nothing else, starts nothing.

import type { Wanted, WantedForward, WantedHost } from '../model/wanted.ts'
import { compareForwards, compareHosts, type ForwardDifference, type HostDifference } from './fingerprint.ts'
import { endpointsOf, keptEndpoints, planListeners } from './listeners.ts'
import type { Plan, PlanChange, Step } from './plan.ts'
import type { OpenConnection, RunningForward, Snapshot } from './snapshot.ts'

/** True when `forward`'s `allow_from` or `allow_to` turns the connection away. */
export type Refuses = (forward: WantedForward, connection: OpenConnection) => boolean

/** Planning again after the plan has been applied gives an empty plan, whatever the network does. */
export function makePlan(wanted: Wanted, snapshot: Snapshot, refuses: Refuses = () => false): Plan {
  const hosts = planHosts(wanted, snapshot)
  const forwards = planForwards(wanted, snapshot, refuses)
  const listeners = planListenerSteps(wanted, snapshot)
  return {
    changes: [...hosts.changes, ...forwards.changes, ...hosts.closings],
    steps: [
      ...hosts.steps,
      ...listeners.before,
      ...forwards.steps,
      ...listeners.after,
      ...forwards.closeSteps,
      ...hosts.closings.map((change): Step => ({ do: 'close-host', name: change.name })),
    ],
  }
}

function planHosts(wanted: Wanted, snapshot: Snapshot) {
  const changes: PlanChange[] = []
  const steps: Step[] = []
  const reopened = new Set<string>()
  for (const host of jumpsFirst(wanted.hosts)) {
    const running = snapshot.hosts.get(host.name)
    if (!running) {
      changes.push(change('open', 'host', host.name, 'needed'))
      steps.push({ do: 'open-host', host })
      continue
    }
    const difference = movedByJump(host, compareHosts(running, host), reopened)
    if (!difference) continue
    if (difference.reopen) reopened.add(host.name)
    const interrupts = difference.reopen ? connectionsVia(host.name, snapshot) : 0
    changes.push({
      ...change(difference.reopen ? 'reopen' : 'update', 'host', host.name, 'changed'),
      fields: difference.fields,
      interrupts,
    })
    steps.push({ do: difference.reopen ? 'reopen-host' : 'update-host', host })
  }
  const gone = [...snapshot.hosts.keys()].filter((name) => !wanted.hosts.has(name))
  return { changes, steps, closings: gone.map((name) => change('close', 'host', name, 'unused')) }
}

/** A changed jump host moves everything behind it. */
function movedByJump(
  host: WantedHost,
  difference: HostDifference | null,
  reopened: ReadonlySet<string>,
): HostDifference | null {
  if (host.jump === null || !reopened.has(host.jump)) return difference
  const fields = difference?.fields ?? []
  return { reopen: true, fields: fields.includes('proxy_jump') ? fields : [...fields, 'proxy_jump'] }
}

/** So that a host is opened after the one that it is reached through. The resolver refuses loops. */
function jumpsFirst(hosts: ReadonlyMap<string, WantedHost>): WantedHost[] {
  const ordered = new Map<string, WantedHost>()
  const visit = (host: WantedHost | undefined) => {
    if (!host || ordered.has(host.name)) return
    if (host.jump !== null) visit(hosts.get(host.jump))
    ordered.set(host.name, host)
  }
  for (const host of hosts.values()) visit(host)
  return [...ordered.values()]
}

function connectionsVia(host: string, snapshot: Snapshot): number {
  let count = 0
  for (const { spec, open } of snapshot.forwards.values()) if (spec.via === host) count += open.length
  return count
}

function planForwards(wanted: Wanted, snapshot: Snapshot, refuses: Refuses) {
  const changes: PlanChange[] = []
  const steps: Step[] = []
  for (const forward of wanted.forwards.values()) {
    const running = snapshot.forwards.get(forward.name)
    if (!running) {
      changes.push(change('open', 'forward', forward.name, 'declared'))
      steps.push({ do: 'open-forward', forward })
      continue
    }
    const difference = compareForwards(running.spec, forward)
    if (!difference) continue
    changes.push({
      ...change(difference.reopen ? 'reopen' : 'update', 'forward', forward.name, 'changed'),
      fields: difference.fields,
      interrupts: countInterrupts(difference, running, forward, refuses),
    })
    if (difference.reopen) steps.push({ do: 'reopen-forward', forward })
    else steps.push({ do: 'update-forward', forward, changed: difference.changed })
  }
  const closed = [...snapshot.forwards.values()].filter(({ spec }) => !wanted.forwards.has(spec.name))
  for (const { spec, open } of closed) {
    const cause = wanted.deselected.has(spec.name) ? 'deselected' : 'removed'
    changes.push({ ...change('close', 'forward', spec.name, cause), interrupts: open.length })
  }
  return {
    changes,
    steps,
    closeSteps: closed.map(({ spec }): Step => ({ do: 'close-forward', name: spec.name })),
  }
}

function countInterrupts(
  difference: ForwardDifference,
  running: RunningForward,
  forward: WantedForward,
  refuses: Refuses,
): number {
  if (difference.reopen || difference.changed.includes('route')) return running.open.length
  const kept = difference.changed.includes('listen') ? keptEndpoints(running.spec, forward) : null
  const drains = ({ through }: OpenConnection) => kept !== null && !kept.has(through ?? '')
  const isCut = (connection: OpenConnection) =>
    difference.changed.includes('policy') && refuses(forward, connection)
  return running.open.filter((connection) => drains(connection) || isCut(connection)).length
}

function planListenerSteps(wanted: Wanted, snapshot: Snapshot): { before: Step[]; after: Step[] } {
  const running = [...snapshot.forwards.values()].flatMap(({ spec }) => endpointsOf(spec, snapshot.hosts))
  const next = [...wanted.forwards.values()].flatMap((forward) => endpointsOf(forward, wanted.hosts))
  const plan = planListeners(running, next)
  return {
    before: plan.yields.map((step): Step => ({ do: 'yield-listener', ...step })),
    after: [
      ...plan.handOvers.map(({ key, forward }): Step => ({ do: 'hand-over-listener', key, forward })),
      ...plan.opens.map(({ key, forward }): Step => ({ do: 'open-listener', key, forward })),
      ...plan.closes.map(({ key, forward }): Step => ({ do: 'close-listener', key, forward })),
    ],
  }
}

function change(
  action: PlanChange['action'],
  what: PlanChange['what'],
  name: string,
  cause: PlanChange['cause'],
): PlanChange {
  return { action, what, name, cause, fields: [], interrupts: 0 }
}
