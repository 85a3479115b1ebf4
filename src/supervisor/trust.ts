// What of a selection waits for somebody's agreement: the parts of its files that could run code, send secrets or open
// this machine, less those that were agreed to before or just now. Asks nobody; who brings a selection does.

import { homedir } from 'node:os'
import { identifyProject, type ProjectPlace, placeProject, stateHomeOf } from '../control/paths.ts'
import type { Selection } from '../control/protocol.ts'
import type { Project } from '../model/project.ts'
import { OTHER_HOSTS, type TrustItem, type TrustRecord } from '../model/trust.ts'
import { hostsInUse, selectForwards } from '../resolve/select.ts'
import type { SshConfigContent } from '../resolve/ssh-config-content.ts'
import { partsInUse, readTrustItems } from '../resolve/trust-items.ts'
import { forgetTrust, listTrust, readTrust, rememberTrust } from '../resolve/trust-store.ts'
import type { HeldSelection } from './selection.ts'

export interface TrustLook {
  items: TrustItem[]
  /** Those of the items that nobody has agreed to. */
  waiting: TrustItem[]
  /** The hosts that were looked at. */
  hosts: ReadonlySet<string>
  /** What the ssh_config files that were looked at had in them. */
  contents: ReadonlyMap<string, SshConfigContent>
}

/** What only resolving tells. */
export interface Resolving {
  /** Hosts in use besides those that the files say: the ssh configuration may lead through a host of the file. */
  more: ReadonlySet<string>
  /** Hosts whose `host_keys` are not what known_hosts has: only then has anybody to agree to them. */
  contradicted: ReadonlySet<string>
}

/** Reads files, runs nothing. Rejects with a ProblemError where a file that has to be read cannot be. */
export async function lookAtTrust(
  project: Project,
  selection: HeldSelection,
  selected: ReadonlySet<string>,
  { more, contradicted }: Resolving,
): Promise<TrustLook> {
  const hosts = hostsInUse(project, selected, more)
  if (more.has(OTHER_HOSTS)) hosts.add(OTHER_HOSTS)
  const parts = partsInUse(project, selected, hosts)
  const matters = parts.filter(({ kind, owner }) => kind !== 'host_keys' || contradicted.has(owner.name))
  const { items, contents } = await readTrustItems(matters, homeOf(selection))
  if (items.length === 0) return { items, waiting: [], hosts, contents }
  const { stateDir } = await placeOf(selection)
  const known = (await readTrust(stateDir))?.trusted ?? []
  const hashes = new Set([...known.map(({ hash }) => hash), ...(selection.trusted ?? [])])
  return { items, waiting: items.filter(({ hash }) => !hashes.has(hash)), hosts, contents }
}

/** As far as the files alone tell: runs nothing. */
export function lookAtFiles(project: Project, selection: HeldSelection): Promise<TrustLook> {
  const { selected } = selectForwards(project, selection)
  return lookAtTrust(project, selection, selected, { more: new Set(), contradicted: new Set() })
}

/**
 * The project without what ssh must not be asked: ssh_config files that wait, or of hosts that were not looked at, and
 * names with what a variable holds, which would show in ssh's arguments and might be looked up.
 */
export function withoutUntrusted(project: Project, { hosts, waiting }: TrustLook): Project {
  const waits = new Set(waiting.flatMap((item) => hostsThatWait(project, item)))
  return mapSshConfig(project, (name, sshConfig) => {
    const isFile = typeof sshConfig === 'string'
    return waits.has(name) || (isFile && !hosts.has(name)) ? false : sshConfig
  })
}

function hostsThatWait({ hosts, forwards }: Project, { kind, owner }: TrustItem): string[] {
  if (kind === 'ssh_config') return [owner.name]
  if (kind !== 'variable') return []
  const name = owner.what === 'host' ? owner.name : (forwards.get(owner.name)?.via ?? '')
  return [...hostsInUse({ hosts, forwards }, [], [name])]
}

/** The project so that resolving it runs no process and opens no socket: what it would be is not known then. */
export function withoutTouching(project: Project): Project {
  return withoutAutoPorts(mapSshConfig(project, () => false))
}

/** No port is looked for, and none remembered. */
export function withoutAutoPorts(project: Project): Project {
  const forwards = [...project.forwards].map(([name, forward]) => {
    const { listen } = forward
    if (listen.kind === 'unix' || listen.port !== 'auto') return [name, forward] as const
    return [name, { ...forward, listen: { ...listen, port: 0 } }] as const
  })
  return { ...project, forwards: new Map(forwards) }
}

type SshConfigOf = (name: string, sshConfig: boolean | string | undefined) => boolean | string | undefined

function mapSshConfig(project: Project, map: SshConfigOf): Project {
  const apply = <Spec extends { sshConfig?: boolean | string }>(name: string, spec: Spec): Spec => {
    const { sshConfig, ...rest } = spec
    const mapped = map(name, sshConfig)
    return { ...rest, ...(mapped !== undefined && { sshConfig: mapped }) } as Spec
  }
  return {
    ...project,
    hosts: new Map([...project.hosts].map(([name, host]) => [name, apply(name, host)])),
    hostDefaults: apply(OTHER_HOSTS, project.hostDefaults),
  }
}

/**
 * Remembers which of the items have just been agreed to, and gives the selection back without them; with them where
 * they cannot be remembered, so that they hold for as long as this process lives.
 */
export async function settleTrust(selection: Selection, items: readonly TrustItem[]): Promise<Selection> {
  const { trusted, ...rest } = selection
  if (!trusted) return selection
  const place = await placeOf(selection)
  try {
    const agreed = items.filter(({ hash }) => trusted.includes(hash))
    await trustItems(place, agreed)
    return rest
  } catch {
    // Whoever looks at the log hears that the state folder cannot be written.
    return selection
  }
}

/** What is remembered for a project; null for nothing. */
export function recallTrust(place: ProjectPlace): Promise<TrustRecord | null> {
  return readTrust(place.stateDir)
}

/** For whoever writes a file itself: what it says was agreed to by writing it. Rejects with a ProblemError. */
export function trustItems(place: ProjectPlace, items: readonly TrustItem[]): Promise<void> {
  return rememberTrust(place.stateDir, place, items)
}

/**
 * For whoever writes a file: what it may do then and could not do before was agreed to by writing it. `before`: null where
 * there was none. Rejects with a ProblemError.
 */
export async function trustWhatIsNew(
  place: ProjectPlace,
  before: Project | null,
  after: Project,
  home: string,
): Promise<void> {
  const known = await readTrustItems(before?.trust ?? [], home)
  const hashes = new Set(known.items.map(({ hash }) => hash))
  const { items } = await readTrustItems(after.trust, home)
  const added = items.filter(({ hash }) => !hashes.has(hash))
  if (added.length > 0) await trustItems(place, added)
}

/** True where there was something to forget. Rejects with a ProblemError. */
export function revokeTrust(place: ProjectPlace): Promise<boolean> {
  return forgetTrust(place.stateDir)
}

export function listTrusted(env: Readonly<Record<string, string | undefined>>): Promise<TrustRecord[]> {
  return listTrust(stateHomeOf(env))
}

export function homeOf({ environment }: Selection): string {
  return environment.HOME ?? homedir()
}

async function placeOf({ files, projectName }: Selection): Promise<ProjectPlace> {
  const identity = await identifyProject(files[0] ?? '-', { cwd: process.cwd(), projectName })
  return placeProject(identity, process.env)
}
