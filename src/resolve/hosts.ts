// Which SSH connections the selected forwards need, and everything that each needs to be made: what the file leaves
// open is filled from the ssh configuration, and then with ssh's own defaults.

import { hostname as localHostname } from 'node:os'
import { join } from 'node:path'
import { complainOfSecret } from '../config/secrets.ts'
import { isError, type Problem, ProblemError } from '../model/problem.ts'
import type { HostSpec, Project } from '../model/project.ts'
import type { ProxyCommand, WantedHost } from '../model/wanted.ts'
import { commandEnvironment } from './command-environment.ts'
import { gatherHosts, type KnownHost, type LookingUp } from './gather-hosts.ts'
import { findWays, type Way } from './jumps.ts'
import { expandFile, type TokenValues } from './tokens.ts'

export interface Surroundings extends LookingUp {
  /** The caller's environment over what .env adds: where secrets that the file names are looked up. */
  environment: Readonly<Record<string, string | undefined>>
  user: string
}

export interface ResolvedHosts {
  hosts: Map<string, WantedHost>
  /** What the file and the ssh configuration say of each, for those who ask where a value comes from. */
  known: ReadonlyMap<string, KnownHost>
  warnings: Problem[]
}

/**
 * Every host that `destinations` need, jumps included, by name. Rejects with a ProblemError that holds everything that
 * is wrong (CONFIG_SSH, CONFIG_REFERENCE), or with the signal's reason.
 */
export async function resolveHosts(
  project: Project,
  destinations: readonly string[],
  surroundings: Surroundings,
): Promise<ResolvedHosts> {
  const { hosts, problems } = await gatherHosts(project, destinations, surroundings)
  problems.push(...[...hosts.values()].flatMap(({ own }) => unsetSecrets(own, surroundings)))
  if (problems.some(isError)) throw new ProblemError(problems.filter(isError))
  const ways = findWays(hosts, destinations)
  const wanted = [...ways.values()].map((way) => fillIn(way, surroundings))
  return { hosts: new Map(wanted.map((host) => [host.name, host])), known: hosts, warnings: problems }
}

/** Of hosts to which only the ssh configuration leads: of the others the file's own check has told. */
function unsetSecrets(own: HostSpec, { environment }: Surroundings): Problem[] {
  const named = { password_env: own.passwordEnv, passphrase_env: own.passphraseEnv }
  return Object.entries(named).flatMap(([key, variable]) => {
    const found = complainOfSecret(variable, environment)
    const path = `hosts.${own.name}.${key}`
    if (!found) return []
    const { complaint, hint } = found
    return {
      code: 'CONFIG_VARIABLE',
      summary: `${path} ${complaint}`,
      hint,
      path,
      ...(own.at && { at: own.at }),
    }
  })
}

function fillIn(way: Way, surroundings: Surroundings): WantedHost {
  const { own, spec } = way.known
  const ssh = join(surroundings.home, '.ssh')
  const { environment } = surroundings
  return {
    name: way.name,
    jump: way.jump,
    hostname: spec.hostname!,
    originalName: own.hostname ?? own.name,
    port: spec.port ?? 22,
    user: spec.user ?? surroundings.user,
    proxyCommand: way.jump === null ? proxyCommandOf(spec, surroundings) : null,
    ...filesOf(way.known, surroundings),
    identitiesOnly: spec.identitiesOnly ?? false,
    password: own.passwordEnv === undefined ? null : environment[own.passwordEnv] || null,
    passphrase: own.passphraseEnv === undefined ? null : environment[own.passphraseEnv] || null,
    strictHostKeyChecking: spec.strictHostKeyChecking ?? 'ask',
    userKnownHostsFiles: spec.userKnownHostsFile ?? [join(ssh, 'known_hosts'), join(ssh, 'known_hosts2')],
    globalKnownHostsFiles: spec.globalKnownHostsFile ?? [
      '/etc/ssh/ssh_known_hosts',
      '/etc/ssh/ssh_known_hosts2',
    ],
    hashKnownHosts: spec.hashKnownHosts ?? false,
    hostKeyAlias: spec.hostKeyAlias ?? null,
    hostKeys: spec.hostKeys ?? null,
    connectTimeoutMs: spec.connectTimeoutMs || 10_000,
    serverAliveIntervalMs: spec.serverAliveIntervalMs ?? 15_000,
    serverAliveCountMax: spec.serverAliveCountMax ?? 3,
    compression: spec.compression ?? false,
    ciphers: spec.ciphers ?? null,
    macs: spec.macs ?? null,
    kexAlgorithms: spec.kexAlgorithms ?? null,
    hostKeyAlgorithms: spec.hostKeyAlgorithms ?? null,
    pubkeyAcceptedAlgorithms: spec.pubkeyAcceptedAlgorithms ?? null,
    preferredAuthentications: spec.preferredAuthentications ?? null,
    numberOfPasswordPrompts: spec.numberOfPasswordPrompts ?? 3,
    bindAddress: spec.bindAddress ?? null,
    bindInterface: spec.bindInterface ?? null,
    addressFamily: spec.addressFamily ?? 'any',
    reconnect: { initialMs: 500, maxMs: 30_000, attempts: Number.POSITIVE_INFINITY, ...spec.reconnect },
    connect: spec.connect ?? 'always',
    disconnectAfterMs: spec.disconnectAfterMs ?? 300_000,
  }
}

/** The way to a host leads through another one, or through a command. */
function proxyCommandOf({ proxyCommand }: HostSpec, { caller }: Surroundings): ProxyCommand | null {
  if (proxyCommand === undefined || /^none$/i.test(proxyCommand)) return null
  return { command: proxyCommand, environment: commandEnvironment(caller) }
}

/** IdentityFile of ssh_config(5). */
const defaultIdentities = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk']

function filesOf(
  { own, spec, settings }: KnownHost,
  surroundings: Surroundings,
): Pick<WantedHost, 'identityFiles' | 'identitiesNamed' | 'certificateFiles' | 'agent'> {
  const values = tokenValues(spec, own, surroundings)
  const expand = (keyword: string) => (text: string) => expandSetting(keyword, text, own, values)
  const ssh = join(surroundings.home, '.ssh')
  return {
    identityFiles:
      own.identityFile ??
      settings.set.identityFile?.map(expand('IdentityFile')) ??
      defaultIdentities.map((file) => join(ssh, file)),
    identitiesNamed: spec.identityFile !== undefined,
    certificateFiles:
      own.certificateFile ?? settings.set.certificateFile?.map(expand('CertificateFile')) ?? [],
    agent: agentSocket(own, settings.set.identityAgent, surroundings),
  }
}

function tokenValues(spec: HostSpec, own: HostSpec, surroundings: Surroundings): TokenValues {
  const lastHop = /^(?:.*@)?\[?(.*?)\]?(?::\d+)?$/.exec(spec.proxyJump?.at(-1) ?? '')
  return {
    home: surroundings.home,
    userId: process.getuid?.() ?? 0,
    localUser: surroundings.user,
    localHostname: localHostname(),
    hostname: spec.hostname!,
    originalName: own.hostname ?? own.name,
    hostKeyAlias: spec.hostKeyAlias ?? null,
    port: spec.port ?? 22,
    user: spec.user ?? surroundings.user,
    jump: lastHop?.[1] ?? '',
    variables: { ...surroundings.variables, ...surroundings.caller },
  }
}

function expandSetting(keyword: string, text: string, { name, at }: HostSpec, values: TokenValues): string {
  const expanded = expandFile(text, values)
  if ('path' in expanded) return expanded.path
  throw new ProblemError({
    code: 'CONFIG_SSH',
    summary: `The ${keyword} ${text} of your ssh configuration for ${name} has ${expanded.unknown}, which is not known here`,
    path: `hosts.${name}`,
    ...(at && { at }),
  })
}

/**
 * IdentityAgent of ssh_config(5): a path, `none`, `SSH_AUTH_SOCK` or `$VARIABLE`. Only a variable that the file itself
 * names may come from .env: whoever writes that file would else be the agent.
 */
function agentSocket(own: HostSpec, setting: string | undefined, surroundings: Surroundings): string | null {
  const { caller, environment, variables } = surroundings
  const agent = own.identityAgent ?? setting
  if (agent === 'none') return null
  if (agent === undefined || agent === 'SSH_AUTH_SOCK') return caller.SSH_AUTH_SOCK || null
  if (!agent.startsWith('$')) return agent
  const name = agent.replace(/^\$\{?|\}$/g, '')
  return (own.identityAgent ? environment[name] : (caller[name] ?? variables[name])) || null
}
