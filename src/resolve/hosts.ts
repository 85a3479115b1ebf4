// Which SSH connections the selected forwards need, and everything that each needs to be made: what the file
// leaves open is filled with ssh's own defaults. A host that is reached in two ways is two connections.

import { join } from 'node:path'
import type { HostSpec, Project } from '../model/project.ts'
import type { WantedHost } from '../model/wanted.ts'

export interface Surroundings {
  /** The caller's environment, as the selection holds it. */
  environment: Readonly<Record<string, string | undefined>>
  home: string
  user: string
}

/**
 * Every host that `destinations` need, jumps included, by name. The loader has refused loops, and given the project a
 * host for each destination.
 */
export function resolveHosts(
  project: Project,
  destinations: Iterable<string>,
  surroundings: Surroundings,
): Map<string, WantedHost> {
  const hosts = new Map<string, WantedHost>()
  for (const destination of destinations) addHost(destination, null)
  return hosts

  /** `behind`: the host that the way leads through, where the way there says so; null: as the host itself says. */
  function addHost(destination: string, behind: string | null): string {
    const spec = project.hosts.get(destination)!
    const name = behind === null ? spec.name : `${spec.name} via ${behind}`
    if (hosts.has(name)) return name
    const jump = behind ?? addJumps(spec.proxyJump ?? [])
    hosts.set(name, { ...fillIn(spec, surroundings), name, jump })
    return name
  }

  /**
   * ProxyJump of ssh_config(5): the first hop is reached as it says itself, each further one through the one
   * before. A hop that would go that way anyway is shared under its own name.
   */
  function addJumps(jumps: readonly string[]): string | null {
    let behind: string | null = null
    for (const jump of jumps) {
      const own = project.hosts.get(jump)?.proxyJump ?? []
      const isOwnWay = behind === null || (own.length === 1 && own[0] === behind)
      behind = addHost(jump, isOwnWay ? null : behind)
    }
    return behind
  }
}

function fillIn(spec: HostSpec, surroundings: Surroundings): Omit<WantedHost, 'name' | 'jump'> {
  const ssh = join(surroundings.home, '.ssh')
  return {
    hostname: spec.hostname ?? spec.name,
    port: spec.port ?? 22,
    user: spec.user ?? surroundings.user,
    identityFiles: spec.identityFile ?? defaultIdentities.map((file) => join(ssh, file)),
    identitiesOnly: spec.identitiesOnly ?? false,
    identitiesNamed: spec.identityFile !== undefined,
    agent: agentSocket(spec.identityAgent, surroundings),
    strictHostKeyChecking: spec.strictHostKeyChecking ?? 'ask',
    userKnownHostsFiles: spec.userKnownHostsFile ?? [join(ssh, 'known_hosts'), join(ssh, 'known_hosts2')],
    globalKnownHostsFiles: spec.globalKnownHostsFile ?? [
      '/etc/ssh/ssh_known_hosts',
      '/etc/ssh/ssh_known_hosts2',
    ],
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
    bindAddress: spec.bindAddress ?? null,
    bindInterface: spec.bindInterface ?? null,
    addressFamily: spec.addressFamily ?? 'any',
    reconnect: { initialMs: 500, maxMs: 30_000, attempts: Number.POSITIVE_INFINITY, ...spec.reconnect },
  }
}

/** IdentityFile of ssh_config(5). */
const defaultIdentities = ['id_rsa', 'id_ecdsa', 'id_ecdsa_sk', 'id_ed25519', 'id_ed25519_sk']

/** IdentityAgent of ssh_config(5): a path, `none`, `SSH_AUTH_SOCK` or `$VARIABLE`. */
function agentSocket(agent: string | undefined, { environment }: Surroundings): string | null {
  if (agent === 'none') return null
  if (agent === undefined || agent === 'SSH_AUTH_SOCK') return environment.SSH_AUTH_SOCK || null
  return agent.startsWith('$') ? environment[agent.replace(/^\$\{?|\}$/g, '')] || null : agent
}
