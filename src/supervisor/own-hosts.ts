// Hosts that only a `tunnels run` needs are connected to with what its caller has: an agent that the others were started
// without is no reason to move their hosts, and none to do without it on the way to another one.

import type { Project } from '../model/project.ts'
import type { Wanted, WantedHost } from '../model/wanted.ts'
import { resolveHosts, type Surroundings } from '../resolve/hosts.ts'
import { type Selecting, selectForwards } from '../resolve/select.ts'
import type { HeldSelection } from './selection.ts'

/**
 * `wanted` with each host that a lease brought resolved with the variables that this lease has for it. Whoever came first
 * to a host says how it is reached. Rejects with a ProblemError, or with the signal's reason.
 */
export async function withOwnHosts(
  wanted: Wanted,
  project: Project,
  { leases = [], ...own }: HeldSelection,
  surroundings: Surroundings,
): Promise<Wanted> {
  if (!leases.some(({ ofOwnHosts }) => hasAny(ofOwnHosts))) return wanted
  const hosts = new Map(wanted.hosts)
  const taken = hostsOf(wanted, project, own)
  for (const lease of leases) {
    const brought = [...hostsOf(wanted, project, lease)].filter((name) => !taken.has(name))
    for (const name of brought) taken.add(name)
    if (brought.length === 0 || !hasAny(lease.ofOwnHosts)) continue
    const resolved = await resolveAs(lease.ofOwnHosts, project, lease, surroundings)
    for (const name of brought) hosts.set(name, resolved.get(name) ?? hosts.get(name)!)
  }
  return { ...wanted, hosts }
}

type Variables = Readonly<Record<string, string>>

function hasAny(variables: Variables | undefined): variables is Variables {
  return variables !== undefined && Object.keys(variables).length > 0
}

/** Those on the way included. */
function hostsOf(
  { hosts, forwards }: Wanted,
  project: Project,
  part: Omit<Selecting, 'leases'>,
): Set<string> {
  const used = new Set<string>()
  for (const name of selectForwards(project, part).selected) {
    for (let at = forwards.get(name)?.via ?? null; at !== null && !used.has(at); ) {
      used.add(at)
      at = hosts.get(at)?.jump ?? null
    }
  }
  return used
}

async function resolveAs(
  variables: Variables,
  project: Project,
  part: Omit<Selecting, 'leases'>,
  surroundings: Surroundings,
): Promise<Map<string, WantedHost>> {
  const destinations = [...selectForwards(project, part).selected].map(
    (name) => project.forwards.get(name)!.via,
  )
  const { caller, environment } = surroundings
  const theirs = { caller: { ...caller, ...variables }, environment: { ...environment, ...variables } }
  return (await resolveHosts(project, destinations, { ...surroundings, ...theirs })).hosts
}
