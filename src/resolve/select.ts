// Which forwards are meant: by name, by host, by profile. Pure, so that the loader, the supervisor and the
// command line see the same selection.

export interface Selecting {
  profiles: readonly string[]
  /** Forwards or hosts; null: everything that the profiles select. */
  names: readonly string[] | null
  /** Forwards or hosts beside what the profiles select; means nothing where `names` says what is selected. */
  also?: readonly string[]
  /** Forwards (or hosts: all via them) that are left out whatever else is said. */
  stopped: readonly string[]
  /** Its ports of this machine are to be free ones, whatever the file says. */
  autoPorts?: boolean
  /** What each `tunnels run` selects for itself: all of it together is selected. */
  leases?: readonly Omit<Selecting, 'leases'>[]
}

interface Selectable {
  name: string
  via: string
  profiles: readonly string[]
}

interface Selection {
  selected: Set<string>
  /** Names of no forward and no host. */
  unknown: string[]
}

type Selectables = { forwards: ReadonlyMap<string, Selectable>; hosts: ReadonlyMap<string, unknown> }

/** As in Compose: without `profiles` always, else with one of them active or when named. */
export function selectForwards(project: Selectables, { leases = [], ...own }: Selecting): Selection {
  const parts = [own, ...leases].map((part) => selectPart(project, part))
  return {
    selected: new Set(parts.flatMap(({ selected }) => [...selected])),
    unknown: [...new Set(parts.flatMap(({ unknown }) => unknown))],
  }
}

/** For whom a forward listens here: as the file says (`written`), on a free port (`auto`), or for both on both. */
export function portsWanted(
  project: Selectables,
  { leases = [], ...own }: Selecting,
): { written: Set<string>; auto: Set<string> } {
  const of = (parts: readonly Omit<Selecting, 'leases'>[]) =>
    new Set(parts.flatMap((part) => [...selectPart(project, part).selected]))
  const parts = [own, ...leases]
  return {
    written: of(parts.filter(({ autoPorts }) => !autoPorts)),
    auto: of(parts.filter(({ autoPorts }) => autoPorts)),
  }
}

function selectPart(
  project: Selectables,
  { profiles, names, also = [], stopped }: Omit<Selecting, 'leases'>,
): Selection {
  const forwards = [...project.forwards.values()]
  const active = forwards.filter((forward) => isActive(forward, profiles))
  const named = names ?? also
  const known = named.filter((name) => project.forwards.has(name) || project.hosts.has(name))
  const byName = known.flatMap((name) => expandName(name, active))
  const wanted = names === null ? [...active.map(({ name }) => name), ...byName] : byName
  const left = new Set(stopped.flatMap((name) => expandName(name, forwards)))
  return {
    selected: new Set(wanted.filter((name) => !left.has(name))),
    unknown: named.filter((name) => !known.includes(name)),
  }

  /** A forward's name stands for itself, a host's for the forwards via it. */
  function expandName(name: string, candidates: Selectable[]): string[] {
    if (project.forwards.has(name)) return [name]
    return candidates.filter((forward) => forward.via === name).map((forward) => forward.name)
  }
}

/** The hosts that these forwards, and the hosts in `more`, need as far as the files say, jumps included. */
export function hostsInUse(
  project: {
    forwards: ReadonlyMap<string, Pick<Selectable, 'via'>>
    hosts: ReadonlyMap<string, { proxyJump?: string[] }>
  },
  selected: Iterable<string>,
  more: Iterable<string> = [],
): Set<string> {
  const used = new Set<string>()
  const queue = [...more, ...Array.from(selected, (name) => project.forwards.get(name)?.via ?? '')]
  for (let name = queue.pop(); name !== undefined; name = queue.pop()) {
    const host = project.hosts.get(name)
    if (!host || used.has(name)) continue
    used.add(name)
    queue.push(...(host.proxyJump ?? []))
  }
  return used
}

function isActive(forward: Selectable, profiles: readonly string[]): boolean {
  if (forward.profiles.length === 0 || profiles.includes('*')) return true
  return forward.profiles.some((profile) => profiles.includes(profile))
}
