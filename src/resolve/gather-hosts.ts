// Every host that is needed, with what the file and the ssh configuration say of it: also those that only a ProxyJump of
// the ssh configuration names, each looked up by itself. Which way leads to whom is jumps.ts's.

import { type Destination, formatDestination, parseDestination } from '../config/destination.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { HostSpec, Project } from '../model/project.ts'
import { commandEnvironment } from './command-environment.ts'
import type { SshConfig, SshQuery } from './ssh-config.ts'
import type { SshSettings } from './ssh-settings.ts'

/** Whoever asks has left out files that `ssh_config: PATH` names and nobody has agreed to: `Match exec` runs commands. */
export interface LookingUp {
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

/** By name, in the order in which they were found. Never rejects but with the signal's reason. */
export async function gatherHosts(
  project: Project,
  destinations: Iterable<string>,
  looking: LookingUp,
): Promise<Gathered> {
  const gathering: Gathering = { project, looking, hosts: new Map(), problems: [], lacksSsh: false }
  let next = [...new Set(destinations)].map((name) => project.hosts.get(name) ?? { name })
  while (next.length > 0) {
    const found = await Promise.all(next.map((own) => lookUp(gathering, own)))
    for (const known of found) gathering.hosts.set(known.own.name, known)
    const hops = found.flatMap((known) => hopsOf(gathering, known))
    next = [...new Map(hops.map((hop) => [hop.name, hop])).values()].filter(
      ({ name }) => !gathering.hosts.has(name),
    )
  }
  return { hosts: gathering.hosts, problems: [...gathering.problems, ...warnings(gathering)] }
}

interface Gathering extends Gathered {
  project: Project
  looking: LookingUp
  lacksSsh: boolean
}

const NOTHING: SshSettings = { set: {}, unmet: [], passesSocket: false, files: [] }

async function lookUp(gathering: Gathering, own: HostSpec): Promise<KnownHost> {
  const settings = await settingsOf(gathering, own).catch((error: unknown) => {
    if (!(error instanceof ProblemError)) throw error
    gathering.problems.push(...error.problems.map((problem) => placed(problem, own)))
    return NOTHING
  })
  const spec = withSettings(own, settings)
  const isTheirs = spec.proxyCommand !== undefined && own.proxyCommand === undefined
  if (isTheirs && settings.passesSocket) gathering.problems.push(placed(passingSocket(own), own))
  return { own, settings, spec }
}

/** A process cannot take a descriptor from another one in Node. */
function passingSocket({ name }: HostSpec): Problem {
  return {
    code: 'CONFIG_SSH',
    summary: `Your ssh configuration sets ProxyUseFdpass for ${name}, and tunnels cannot take a socket from a command`,
    hint: `Give hosts.${name} a proxy_command that stays in between, such as \`nc %h %p\` without -F`,
  }
}

async function settingsOf(gathering: Gathering, own: HostSpec): Promise<SshSettings> {
  const { looking } = gathering
  if (own.sshConfig === false) return NOTHING
  const answer = await looking.sshConfig.lookUp(queryOf(own, looking), looking.signal)
  if (!answer) gathering.lacksSsh = true
  return answer ?? NOTHING
}

function queryOf({ name, hostname, user, port, sshConfig }: HostSpec, looking: LookingUp): SshQuery {
  return {
    name: hostname ?? name,
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port }),
    file: typeof sshConfig === 'string' ? sshConfig : null,
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
function hopsOf({ project, hosts }: Gathering, known: KnownHost): HostSpec[] {
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
  return { ...problem, path: `hosts.${name}`, ...(at && { at }) }
}

function warnings({ hosts, lacksSsh }: Gathering): Problem[] {
  const keywords = [...new Set([...hosts.values()].flatMap(({ settings }) => settings.unmet))]
  const unmet = keywords.map((keyword) => {
    const names = [...hosts.values()].filter(({ settings }) => settings.unmet.includes(keyword))
    const list = names.map(({ own }) => own.name).join(', ')
    return warning(`Your ssh configuration sets ${keyword} for ${list}, which tunnels does not look at`)
  })
  const needGssapi = [...hosts.values()].filter(({ spec }) => isGssapiAlone(spec))
  return [
    ...unmet,
    ...needGssapi.map(({ own }) =>
      warning(`${own.name} may only be logged in to with GSSAPI or hostbased, which tunnels cannot`),
    ),
    ...(lacksSsh ? [withoutSsh()] : []),
  ]
}

function isGssapiAlone({ preferredAuthentications }: HostSpec): boolean {
  return preferredAuthentications?.split(',').every((method) => /^(gssapi|hostbased)/.test(method)) ?? false
}

function withoutSsh(): Problem {
  const hint = "Install OpenSSH's client, or write ssh_config: false under defaults.hosts"
  return {
    ...warning('There is no ssh on PATH: your ssh configuration is not read, the file alone counts'),
    hint,
  }
}

function warning(summary: string): Problem {
  return { code: 'CONFIG_WARNING', summary, severity: 'warning' }
}
