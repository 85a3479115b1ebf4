// Carries out a Plan, step by step, on the register of what is open. Decides nothing, and waits for no network.

import type { Wanted, WantedForward, WantedHost } from '../model/wanted.ts'
import { type Endpoint, endpointsOf } from '../plan/listeners.ts'
import type { Plan, Step } from '../plan/plan.ts'
import type { Binding, GaveWay } from './binding.ts'
import type { HostSlot } from './host-slot.ts'
import { LocalBinding } from './local-binding.ts'
import type { OpenForward } from './open-forward.ts'
import { RemoteBinding } from './remote-binding.ts'

/** What is open, by name. */
export interface Register {
  readonly hosts: ReadonlyMap<string, HostSlot>
  readonly forwards: ReadonlyMap<string, OpenForward>
  openHost(host: WantedHost, jump: HostSlot | null): void
  openForward(forward: WantedForward, host: HostSlot): void
  /** `drainMs`: absent: the forward's own. */
  closeForward(forward: OpenForward, drainMs: number | undefined): void
  closeHost(host: HostSlot): void
}

/**
 * Resolves when everything has been started and this machine's own sockets were tried once. Never rejects.
 * `drainMs`: for what this plan closes, instead of each forward's own.
 */
export async function carryOut(
  plan: Plan,
  wanted: Wanted,
  register: Register,
  drainMs: number | undefined,
): Promise<void> {
  const forwards = [...register.forwards.values()]
  const endpoints = [...wanted.forwards.values()].flatMap((forward) => endpointsOf(forward, wanted.hosts))
  const run: Run = {
    register,
    endpoints: new Map(endpoints.map((endpoint) => [endpoint.key, endpoint])),
    replaced: new Set(plan.steps.flatMap(getsListener)),
    owners: new Map(
      forwards.flatMap((forward) => forward.listeners.keys().map((key) => [key, forward] as const)),
    ),
    standIns: new Set(forwards.filter(({ listeners }) => listeners.hasStandIns)),
    gaveWay: new Map(),
    drainMs,
    opening: [],
  }
  for (const step of plan.steps) start(step, run)
  await Promise.all(run.opening)
  for (const forward of register.forwards.values()) forward.bindingChanged()
}

/** What one application of a plan has to remember from step to step. */
interface Run {
  register: Register
  endpoints: ReadonlyMap<string, Endpoint>
  /** Forwards that get listeners which they did not have. */
  replaced: ReadonlySet<string>
  /** Who has which listener, new ones and those that only stand in included; one that was given up may still stand here. */
  owners: Map<string, OpenForward>
  /** Those with listeners that only stand in for others. */
  standIns: Set<OpenForward>
  gaveWay: Map<string, GaveWay[]>
  drainMs: number | undefined
  opening: Promise<void>[]
}

function getsListener(step: Step): string[] {
  return step.do === 'open-listener' || step.do === 'hand-over-listener' ? [step.forward] : []
}

function start(step: Step, run: Run): void {
  switch (step.do) {
    case 'open-host':
      return run.register.openHost(step.host, jumpOf(run, step.host.jump))
    case 'update-host':
      return hostOf(run, step.host.name).update(step.host)
    case 'reopen-host':
      return hostOf(run, step.host.name).reopen(step.host, jumpOf(run, step.host.jump))
    case 'yield-listener':
      return yieldListener(step, run)
    case 'open-forward':
      return run.register.openForward(step.forward, hostOf(run, step.forward.via))
    case 'update-forward':
      return forwardOf(run, step.forward.name).update(
        step.forward,
        hostOf(run, step.forward.via),
        step.changed,
      )
    case 'reopen-forward':
      return forwardOf(run, step.forward.name).reopen(step.forward, hostOf(run, step.forward.via))
    case 'hand-over-listener':
    case 'open-listener':
      return openListener(step.key, step.forward, run)
    case 'close-listener':
      return closeListener(step, run)
    case 'close-forward':
      return run.register.closeForward(forwardOf(run, step.name), run.drainMs)
    case 'close-host':
      return run.register.closeHost(hostOf(run, step.name))
  }
}

function yieldListener(step: Extract<Step, { do: 'yield-listener' }>, run: Run): void {
  const owner = run.owners.get(step.key)
  const binding = owner?.listeners.giveUp(step.key)
  if (!owner || !binding) return
  if (step.restore) keepUntilReplaced(owner, binding, run)
  const others = run.gaveWay.get(step.to) ?? []
  run.gaveWay.set(step.to, [...others, { binding, restore: step.restore }])
}

/** One that listens already, for whatever reason, is taken over and never closes. */
function openListener(key: string, name: string, run: Run): void {
  const forward = forwardOf(run, name)
  const existing = run.owners.get(key)?.listeners.giveUp(key)
  const binding = existing ?? createBinding(run.endpoints.get(key)!, forward, run)
  binding.owner = forward
  forward.listeners.take(binding)
  run.owners.set(key, forward)
  if (!existing) run.opening.push(binding.open())
}

function createBinding(endpoint: Endpoint, forward: OpenForward, run: Run): Binding {
  const gaveWay = [...(run.gaveWay.get(endpoint.key) ?? []), ...clearTheWay(endpoint, forward, run)]
  const { spec } = forward
  if (spec.kind === 'remote')
    return new RemoteBinding(endpoint, spec, hostOf(run, spec.via), forward, gaveWay)
  return new LocalBinding({ ...endpoint, local: endpoint.local! }, spec.socket, forward, gaveWay)
}

/** A listener whose forward gets others instead serves until they are open; one that is only too many, no longer. */
function closeListener(step: Extract<Step, { do: 'close-listener' }>, run: Run): void {
  const owner = run.register.forwards.get(step.forward)
  const binding = owner?.listeners.giveUp(step.key)
  if (!owner || !binding) return
  if (run.replaced.has(step.forward)) keepUntilReplaced(owner, binding, run)
  else void binding.close()
}

function keepUntilReplaced(owner: OpenForward, binding: Binding, run: Run): void {
  owner.listeners.keepUntilReplaced(binding)
  run.standIns.add(owner)
}

/** Listeners that only stand in for others are in no snapshot, so no plan tells them to yield. */
function clearTheWay(endpoint: Endpoint, forward: OpenForward, run: Run): GaveWay[] {
  return [...run.standIns].flatMap((other) =>
    other.listeners.standInsInTheWayOf(endpoint).map((binding) => {
      const restore = other === forward
      if (!restore) other.listeners.giveUp(binding.endpoint.key)
      return { binding, restore }
    }),
  )
}

function jumpOf(run: Run, name: string | null): HostSlot | null {
  return name === null ? null : hostOf(run, name)
}

function hostOf({ register }: Run, name: string): HostSlot {
  return present(register.hosts.get(name), `host ${name}`)
}

function forwardOf({ register }: Run, name: string): OpenForward {
  return present(register.forwards.get(name), `forward ${name}`)
}

/** A plan is made from this register's own snapshot, so what it names is there. */
function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new Error(`a plan names a ${what} that is not open`)
  return value
}
