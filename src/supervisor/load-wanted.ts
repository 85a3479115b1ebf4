// One look at the files: load, select, resolve. Changes nothing but the remembered ports of `auto`.

import { userInfo } from 'node:os'
import { join } from 'node:path'
import { type LoadResult, loadProject } from '../config/load.ts'
import type { Written } from '../config/origins.ts'
import { wordUnused } from '../config/warnings.ts'
import { identifyProject, placeProject } from '../control/paths.ts'
import { isError, type Problem, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import { OTHER_HOSTS, type TrustItem, untrustedProblems } from '../model/trust.ts'
import type { Wanted } from '../model/wanted.ts'
import type { KnownHost } from '../resolve/gather-hosts.ts'
import { type Resolved, resolve } from '../resolve/resolve.ts'
import { portsWanted, selectForwards } from '../resolve/select.ts'
import { SshConfig } from '../resolve/ssh-config.ts'
import { contradictsKnownHosts } from '../ssh/pinned-keys.ts'
import { withFoundFiles } from './found-files.ts'
import { withOwnHosts } from './own-hosts.ts'
import type { HeldSelection } from './selection.ts'
import {
  homeOf,
  lookAtFiles,
  lookAtTrust,
  type TrustLook,
  withoutAutoPorts,
  withoutTouching,
  withoutUntrusted,
} from './trust.ts'

export interface Loaded {
  project: Project
  /** Names of forwards. */
  selected: ReadonlySet<string>
  wanted: Wanted
  /** What the files and the ssh configuration say of each host. */
  hosts: ReadonlyMap<string, KnownHost>
  /** Files and folders of the ssh configuration that decided about hosts; some may not exist. */
  sshConfigFiles: string[]
  trust: TrustLook
  /** Where everything stands in the files. */
  written: Written
  warnings: Problem[]
}

export interface LoadingOptions {
  /** The files, where they have been read already. */
  read?: ReadFiles
  /** What ssh has been asked already; absent: nothing. */
  sshConfig?: SshConfig
  /** Ends a look that hangs. */
  signal?: AbortSignal
  /** By name, the ports that forwards have already: of `auto` a remembered one that is taken is changed. Absent: none is. */
  keptPorts?: ReadonlyMap<string, ReadonlySet<number>>
  /**
   * What is done where some of the files waits for trust. `leave out`: it is looked at without the ssh_config files that
   * wait; `touch nothing`: and without any process or socket.
   */
  untrusted?: 'refuse' | 'leave out' | 'touch nothing'
}

/**
 * Rejects with a ProblemError that holds every error of the files, or what of them waits for trust: before anything of
 * that is looked up or run.
 */
export async function loadWanted(selection: HeldSelection, options: LoadingOptions = {}): Promise<Loaded> {
  const { sshConfig = new SshConfig(), untrusted = 'refuse' } = options
  const read = options.read ?? (await readFiles(selection))
  const { selected } = selectForwards(read.project, selection)
  const told = { more: new Set<string>(), contradicted: new Set<string>() }
  // Told once: at the next round the port is the new one.
  const moved = new Set<Problem>()
  for (;;) {
    const trust = await lookAtTrust(read.project, selection, selected, told)
    if (trust.waiting.length > 0 && untrusted === 'refuse')
      throw new ProblemError(untrustedProblems(trust.waiting))
    const project =
      trust.waiting.length > 0 && untrusted === 'touch nothing'
        ? withoutTouching(read.project)
        : withoutUntrusted(read.project, trust)
    const resolved = await resolveRead({ ...read, project }, selection, selected, {
      ...options,
      sshConfig,
      trust,
    })
    for (const warning of resolved.warnings) if (warning.code === 'PORT_IN_USE') moved.add(warning)
    if (await tellsMore(read.project, resolved, trust, told)) continue
    const { wanted, hosts, warnings } = resolved
    const { written } = read
    const used = new Set([...hosts.keys()].map(wordUnused))
    const all = [...new Set([...read.problems, ...moved, ...warnings])].filter(
      ({ summary }) => !used.has(summary),
    )
    const sshConfigFiles = sshConfig.files
    return { project: read.project, selected, wanted, hosts, sshConfigFiles, trust, written, warnings: all }
  }
}

/**
 * What an `up` with this selection has to ask first, where nothing runs. Looks into the ssh configuration only where that
 * could lead to more, and only when nothing else waits.
 */
export async function waitingFor(read: ReadFiles, selection: HeldSelection): Promise<TrustItem[]> {
  const look = await lookAtFiles(read.project, selection)
  if (look.waiting.length > 0 || !mayBeMore(read.project, look)) return look.waiting
  return (await loadWanted(selection, { read, untrusted: 'leave out' })).trust.waiting
}

/**
 * All that is agreed to or waits, where nothing runs: with what the ssh configuration and known_hosts lead to, also while
 * other parts wait. Opens no socket, and shows ssh no file that tunnels.yaml names and nobody has agreed to.
 */
export async function lookAtAll(read: ReadFiles, selection: HeldSelection): Promise<TrustLook> {
  const look = await lookAtFiles(read.project, selection)
  if (!mayBeMore(read.project, look)) return look
  const project = withoutAutoPorts(read.project)
  return (await loadWanted(selection, { read: { ...read, project }, untrusted: 'leave out' })).trust
}

function mayBeMore({ trust }: Project, { hosts }: TrustLook): boolean {
  return trust.some(
    ({ kind, owner: { what, name } }) => what === 'host' && (kind === 'host_keys' || !hosts.has(name)),
  )
}

/** The same files as they were, with less of them selected. */
export function selectLess(loaded: Loaded, selection: HeldSelection): Loaded {
  const { selected } = selectForwards(loaded.project, selection)
  const forwards = [...loaded.wanted.forwards].filter(([name]) => selected.has(name))
  const used = new Set<string>()
  for (const queue = forwards.map(([, { via }]) => via); queue.length > 0; ) {
    const host = loaded.wanted.hosts.get(queue.pop()!)
    if (!host || used.has(host.name)) continue
    used.add(host.name)
    if (host.jump !== null) queue.push(host.jump)
  }
  const hosts = [...loaded.wanted.hosts].filter(([name]) => used.has(name))
  const deselected = [...loaded.project.forwards.keys()].filter((name) => !selected.has(name))
  const wanted = { hosts: new Map(hosts), forwards: new Map(forwards), deselected: new Set(deselected) }
  return { ...loaded, selected, wanted }
}

/** What the loader found. */
export interface ReadFiles extends Pick<LoadResult, 'problems' | 'environment'> {
  project: Project
  written: Written
}

async function readFiles(selection: HeldSelection): Promise<ReadFiles> {
  const { project, problems, environment, written } = await loadProject({
    files: selection.files,
    env: selection.environment,
    cwd: process.cwd(),
    profiles: selection.profiles,
    names: selection.names,
    ...(selection.also && { also: selection.also }),
    ...(selection.leases && { leases: selection.leases }),
    ...(selection.input !== undefined && { input: selection.input }),
    ...(selection.envFile !== null && { envFile: selection.envFile }),
    ...(selection.projectName !== null && { projectName: selection.projectName }),
  })
  const all = await withFoundFiles(selection, problems)
  if (!project || !written) throw new ProblemError(all.filter(isError))
  return { project, problems: all, environment, written }
}

interface Resolving extends LoadingOptions {
  sshConfig: SshConfig
  trust: TrustLook
}

async function resolveRead(
  { project, environment }: ReadFiles,
  selection: HeldSelection,
  selected: ReadonlySet<string>,
  { sshConfig, signal = new AbortController().signal, keptPorts, trust }: Resolving,
): Promise<Resolved> {
  const surroundings = {
    environment,
    caller: selection.environment,
    variables: process.env,
    sshConfig,
    agreed: (path: string) => trust.contents.get(path) ?? notAgreed(path),
    signal,
    home: homeOf(selection),
    user: userInfo().username,
  }
  const resolved = await resolve(project, selected, {
    ...surroundings,
    autoPortsFile: join(await stateDirOf(selection), 'ports.json'),
    keptPorts: keptPorts ?? 'all',
    portsWanted: portsWanted(project, selection),
  })
  return { ...resolved, wanted: await withOwnHosts(resolved.wanted, project, selection, surroundings) }
}

/** Whoever comes here has asked for a file that was not looked at. */
function notAgreed(path: string): never {
  throw new ProblemError({ code: 'UNTRUSTED', summary: `${path} waits for trust` })
}

/**
 * The ssh configuration may lead through a host that the file says more of, and known_hosts may have other keys than the
 * file: then more of the file counts. Rejects with HOST_KEY_REVOKED, to which nobody can agree.
 */
async function tellsMore(
  project: Project,
  { hosts, wanted }: Resolved,
  trust: TrustLook,
  told: { more: Set<string>; contradicted: Set<string> },
): Promise<boolean> {
  const unseen = hostsOf(project, hosts).filter((name) => !trust.hosts.has(name))
  for (const name of unseen) told.more.add(name)
  const before = told.contradicted.size
  for (const host of wanted.hosts.values()) {
    const name = [...hosts.keys()].find((own) => host.name === own || host.name.startsWith(`${own} via `))
    const problem = await contradictsKnownHosts(host, ownAlias(name === undefined ? null : hosts.get(name)!))
    if (problem?.code === 'HOST_KEY_REVOKED') throw new ProblemError(problem)
    if (problem && name !== undefined) told.contradicted.add(project.hosts.has(name) ? name : OTHER_HOSTS)
  }
  return unseen.length > 0 || told.contradicted.size > before
}

/** An ssh_config file that tunnels.yaml names is no more the user's than tunnels.yaml. */
function ownAlias(known: KnownHost | null): string | null {
  if (known === null || typeof known.own.sshConfig === 'string') return null
  return known.settings.set.hostKeyAlias ?? null
}

function hostsOf({ hosts }: Project, found: ReadonlyMap<string, KnownHost>): string[] {
  const names = [...found.values()].map(({ own: { name } }) => (hosts.has(name) ? name : OTHER_HOSTS))
  return [...new Set(names)]
}

async function stateDirOf({ files, projectName }: HeldSelection): Promise<string> {
  const identity = await identifyProject(files[0] ?? '-', { cwd: process.cwd(), projectName })
  return placeProject(identity, process.env).stateDir
}
