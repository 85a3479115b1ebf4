// Every host that is needed, with what the file and the ssh configuration say of it: also those that only a ProxyJump of
// the ssh configuration names, each looked up by itself. Which way leads to whom is jumps.ts's.

import { type Destination, formatDestination, parseDestination } from '../config/destination.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { HostSpec, Project } from '../model/project.ts'
import { commandEnvironment } from './command-environment.ts'
import type { SshAnswer, SshConfig, SshQuery } from './ssh-config.ts'
import type { SshConfigContent } from './ssh-config-content.ts'
import { type Answered, passingSocket, tellAnswers, tellUnmet } from './ssh-problems.ts'
import type { SshSettings } from './ssh-settings.ts'

/** Whoever asks has left out files that `ssh_config: PATH` names and nobody has agreed to: `Match exec` runs commands. */
export interface LookingUp {
  /** By path, what was agreed to: the file itself may be another one by now. */
  agreed: (path: string) => SshConfigContent | Promise<SshConfigContent>
  /** The caller's environment, without what .env adds: what ssh gets of it. */
  caller: Readonly<Record<string, string | undefined>>
  /** More of it, for what the ssh configuration asks for by name. */
  variables: Readonly<Record<string, string | undefined>>
  home: string
  sshConfig: SshConfig
  signal: AbortSignal
}

export interface KnownHost {
  /** What the file says. */
  own: HostSpec
  settings: SshSettings
  /** Both, the file winning; `hostname` is what the ssh configuration makes of the file's. */
  spec: HostSpec
}

export interface Gathered {
  hosts: Map<string, KnownHost>
  problems: Problem[]
}

/** By name, in the order in which they were found. Rejects with the signal's reason alone. */
export async function gatherHosts(
  project: Project,
  destinations: Iterable<string>,
  looking: LookingUp,
): Promise<Gathered> {
  const late = new AbortController()
  const signal = AbortSignal.any([looking.signal, late.signal])
  const hosts = new Map<string, KnownHost>()
  const all: Found[] = []
  let next = [...new Set(destinations)].map((name) => project.hosts.get(name) ?? { name })
  while (next.length > 0 && !late.signal.aborted) {
    const found = await Promise.all(next.map((own) => lookUp(own, { ...looking, signal }, late)))
    looking.signal.throwIfAborted()
    all.push(...found)
    for (const { known } of found) hosts.set(known.own.name, known)
    const hops = found.flatMap(({ known }) => hopsOf({ project, hosts }, known))
    next = [...new Map(hops.map((hop) => [hop.name, hop])).values()].filter(({ name }) => !hosts.has(name))
  }
  const told = [
    ...all.flatMap(({ problems }) => problems),
    ...tellAnswers(all),
    ...tellUnmet([...hosts.values()]),
  ]
  return { hosts, problems: told }
}

interface Found extends Answered {
  known: KnownHost
  problems: Problem[]
}

const NOTHING: SshSettings = { set: {}, unmet: [], passesSocket: false, files: [], forwards: [] }

/** `late` fires at the first that is: where one hangs, others would, each for as long. */
async function lookUp(own: HostSpec, looking: LookingUp, late: AbortController): Promise<Found> {
  const { answer, problems } = await ask(own, looking)
  if (answer?.kind === 'late') late.abort()
  const settings = answer?.kind === 'settings' ? answer.settings : NOTHING
  const spec = withSettings(own, settings)
  const isTheirs = spec.proxyCommand !== undefined && own.proxyCommand === undefined
  if (isTheirs && settings.passesSocket) problems.push(passingSocket(own))
  const known = { own, settings, spec }
  return { own, known, answer, problems: problems.map((problem) => placed(problem, own)) }
}

/** Nobody is asked where the file says so, nor any more once the signal has fired. */
async function ask(
  own: HostSpec,
  looking: LookingUp,
): Promise<{ answer: SshAnswer | null; problems: Problem[] }> {
  if (own.sshConfig === false) return { answer: null, problems: [] }
  try {
    const answer = await looking.sshConfig.lookUp(await queryOf(own, looking), looking.signal)
    return { answer, problems: [] }
  } catch (error) {
    if (error instanceof ProblemError) return { answer: null, problems: [...error.problems] }
    if (looking.signal.aborted) return { answer: null, problems: [] }
    throw error
  }
}

async function queryOf(
  { name, hostname, user, port, sshConfig }: HostSpec,
  looking: LookingUp,
): Promise<SshQuery> {
  return {
    name: hostname ?? name,
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port }),
    file: typeof sshConfig === 'string' ? await looking.agreed(sshConfig) : null,
    home: looking.home,
    environment: commandEnvironment(looking.caller),
    variables: { ...looking.variables, ...looking.caller },
  }
}

/** One way to a host: where the file says one, the ssh configuration says none. */
function withSettings(own: HostSpec, { set }: SshSettings): HostSpec {
  const { hostname, proxyJump, proxyCommand, ...rest } = set
  const saysWay = own.proxyJump !== undefined || own.proxyCommand !== undefined
  return {
    ...rest,
    ...(!saysWay && proxyJump && { proxyJump }),
    ...(!saysWay && proxyCommand !== undefined && { proxyCommand }),
    ...own,
    hostname: hostname ?? own.hostname ?? own.name,
  }
}

/** The file's hops by their names there; those of the ssh configuration get one that means what ssh means by it. */
function hopsOf(
  { project, hosts }: { project: Project; hosts: Gathered['hosts'] },
  known: KnownHost,
): HostSpec[] {
  const { own, spec } = known
  if (own.proxyJump)
    return own.proxyJump.map((hop) => project.hosts.get(hop) ?? hosts.get(hop)?.own ?? { name: hop })
  const hops = (spec.proxyJump ?? []).map((hop) => hopOfSsh(project, parseDestination(hop)!, own))
  if (hops.length > 0) known.spec = { ...spec, proxyJump: hops.map(({ name }) => name) }
  return hops
}

/** A host of the file that is the same to ssh may say more of it; any other of that name is somebody else. */
function hopOfSsh(
  { hosts, hostDefaults }: Project,
  destination: Destination,
  { sshConfig }: HostSpec,
): HostSpec {
  const name = formatDestination(destination)
  const same = hosts.get(name)
  if (same && (same.hostname ?? same.name) === destination.hostname) return same
  const isElsewhere = typeof sshConfig === 'string'
  const apart = isElsewhere ? `${name} (${sshConfig})` : same ? `${name} (ssh_config)` : name
  return {
    ...hostDefaults,
    ...(sshConfig !== undefined && { sshConfig }),
    ...destination,
    name: apart,
    implicit: true,
  }
}

function placed(problem: Problem, { name, at }: HostSpec): Problem {
  return at ? { ...problem, path: `hosts.${name}`, at } : problem
}
