// What is selected for as long as somebody lives: each `tunnels run` brings a part of its own, which replaces nothing of
// what is held and goes with it. Pure.

import type { Selection } from '../control/protocol.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import type { LeaseStatus } from '../model/status.ts'
import type { Wanted, WantedForward } from '../model/wanted.ts'
import { compareForwards, compareHosts } from '../plan/fingerprint.ts'
import { selectForwards } from '../resolve/select.ts'
import { type HeldSelection, union } from './selection.ts'

export interface Lease {
  /** Stays the same while its part changes. */
  readonly id: symbol
  readonly pid: number | null
  readonly since: string
  readonly selection: Selection
  /** Its ports of this machine are free ones. */
  readonly autoPorts: boolean
  /** Variables that would move what others use: they count for hosts that it alone needs. */
  readonly ofOwnHosts?: Readonly<Record<string, string>>
}

export function openLease(selection: Selection, asked: Pick<Lease, 'pid' | 'autoPorts'>): Lease {
  return { ...asked, id: Symbol(), since: new Date().toISOString(), selection: { ...selection, stopped: [] } }
}

/**
 * A variable that is not held comes from whoever has it: those that two have are equal, see {@link refuseOther}, and what
 * only one has changes nothing that was there before, see {@link changesHeld}.
 */
export function withLeases(held: Selection, leases: readonly Lease[]): HeldSelection {
  if (leases.length === 0) return held
  const environment = Object.assign({}, ...leases.map(({ selection }) => selection.environment))
  return {
    ...held,
    environment: { ...environment, ...held.environment },
    leases: leases.map(({ selection, autoPorts, ofOwnHosts = {} }) => ({
      ...selection,
      autoPorts,
      ofOwnHosts,
    })),
  }
}

/** `down NAME` closes it for those, too, who are there; for who comes later it is opened again. */
export function stopInLeases(leases: readonly Lease[], forwards: Iterable<string>): Lease[] {
  const stopped = [...forwards]
  return leases.map((lease) => {
    const { selection } = lease
    return { ...lease, selection: { ...selection, stopped: union(selection.stopped, stopped) } }
  })
}

export function withoutLease(leases: readonly Lease[], { id }: Lease): Lease[] {
  return leases.filter((lease) => lease.id !== id)
}

export function forwardsOf({ selection }: Lease, project: Project): string[] {
  return [...selectForwards(project, selection).selected]
}

export function statusOf(leases: readonly Lease[], project: Project): LeaseStatus[] {
  return leases.map((lease) => {
    const { pid, since } = lease
    return { pid, since, forwards: forwardsOf(lease, project) }
  })
}

/**
 * Throws a ProblemError where what is held would be something else for who brings this: other files, or other values of
 * the variables that the files mention. Values are not told: they may be secrets.
 */
export function refuseOther(held: Selection, brought: Selection, variables: readonly string[]): void {
  const isOther = (key: 'files' | 'envFile' | 'input') =>
    JSON.stringify(held[key]) !== JSON.stringify(brought[key])
  if (isOther('files')) throw new ProblemError(otherFiles(held.files, brought.files))
  if (isOther('envFile')) throw new ProblemError(other('another --env-file'))
  if (isOther('input')) throw new ProblemError(other('another file on standard input'))
  const differing = variables.filter((name) => {
    const [before, now] = [held.environment[name], brought.environment[name]]
    return before !== undefined && now !== undefined && before !== now
  })
  if (differing.length > 0) throw otherValues(differing)
}

export function otherValues(variables: readonly string[]): ProblemError {
  return new ProblemError(other(`another value of ${variables.join(', ')}`))
}

/** Variables that it brings, and that nobody had who is there. */
export function broughtBy({ selection }: Lease, held: Selection): string[] {
  return Object.keys(selection.environment).filter((name) => held.environment[name] === undefined)
}

/** They count for its own hosts from then on, and for nothing else. */
export function forOwnHosts(lease: Lease, names: readonly string[]): Lease {
  const { selection, ofOwnHosts } = lease
  const all = Object.entries(selection.environment)
  const own = Object.fromEntries(all.filter(([name]) => names.includes(name)))
  const environment = Object.fromEntries(all.filter(([name]) => !names.includes(name)))
  return { ...lease, selection: { ...selection, environment }, ofOwnHosts: { ...ofOwnHosts, ...own } }
}

/** False where all that was wanted before is wanted as it was; more of it, and more ports of it, are no change. */
export function changesHeld(before: Wanted, after: Wanted): boolean {
  const isOther = (forward: WantedForward) => {
    const now = after.forwards.get(forward.name)
    if (!now || now.kind !== forward.kind) return true
    const listens = { ...now, listen: forward.listen } as WantedForward
    return !listensAsBefore(forward, now) || compareForwards(forward, listens) !== null
  }
  return (
    [...before.forwards.values()].some(isOther) ||
    [...before.hosts.values()].some((host) => {
      const now = after.hosts.get(host.name)
      return !now || compareHosts(host, now) !== null
    })
  )
}

function listensAsBefore(before: WantedForward, now: WantedForward): boolean {
  const of = ({ listen }: WantedForward) => [listen].flat().map((one) => JSON.stringify(one))
  const listens = of(now)
  return of(before).every((one) => listens.includes(one))
}

function otherFiles(held: string[], brought: string[]): Problem {
  return { ...other('other files'), detail: `It runs with ${held.join(' ')}, not with ${brought.join(' ')}` }
}

function other(what: string): Problem {
  return {
    code: 'USAGE',
    summary: `What runs of this project was started with ${what}`,
    hint: '`tunnels up` replaces that, and -p NAME makes another project of it',
  }
}
