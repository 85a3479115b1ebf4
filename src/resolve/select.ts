// Which forwards are meant: by name, by host, by profile. Pure, so that the loader, the supervisor and the
// command line see the same selection.

export interface Selecting {
  profiles: readonly string[]
  /** Forwards or hosts; null: everything that the profiles select. */
  names: readonly string[] | null
  /** Forwards (or hosts: all via them) that are left out whatever else is said. */
  stopped: readonly string[]
}

interface Selectable {
  name: string
  via: string
  profiles: readonly string[]
}

/** As in Compose: without `profiles` always, else with one of them active or when named. `unknown`: names of neither. */
export function selectForwards(
  project: { forwards: ReadonlyMap<string, Selectable>; hosts: ReadonlyMap<string, unknown> },
  { profiles, names, stopped }: Selecting,
): { selected: Set<string>; unknown: string[] } {
  const forwards = [...project.forwards.values()]
  const active = forwards.filter((forward) => isActive(forward, profiles))
  const known = (names ?? []).filter((name) => project.forwards.has(name) || project.hosts.has(name))
  const wanted =
    names === null ? active.map(({ name }) => name) : known.flatMap((name) => expandName(name, active))
  const left = new Set(stopped.flatMap((name) => expandName(name, forwards)))
  return {
    selected: new Set(wanted.filter((name) => !left.has(name))),
    unknown: (names ?? []).filter((name) => !known.includes(name)),
  }

  /** A forward's name stands for itself, a host's for the forwards via it. */
  function expandName(name: string, candidates: Selectable[]): string[] {
    if (project.forwards.has(name)) return [name]
    return candidates.filter((forward) => forward.via === name).map((forward) => forward.name)
  }
}

function isActive(forward: Selectable, profiles: readonly string[]): boolean {
  if (forward.profiles.length === 0 || profiles.includes('*')) return true
  return forward.profiles.some((profile) => profiles.includes(profile))
}
