// What should be open: the Project after selection, with every host resolved to something that can be
// connected to. Plain data that the planner compares; equal Wanted means nothing to do.

import type { ListenSpec, SocketAddress, Target } from './address.ts'
import type { Reconnect } from './project.ts'

export interface Wanted {
  hosts: ReadonlyMap<string, WantedHost>
  forwards: ReadonlyMap<string, WantedForward>
  /** Forwards that the file has but the selection leaves out: they explain why something closes. */
  deselected: ReadonlySet<string>
}

/** One SSH connection: whom we reach, as whom, through which other connection. */
export interface WantedHost {
  name: string
  hostname: string
  port: number
  user: string
  /** What a person would type after `ssh`: the name that ssh_config is asked for, `%n` of its tokens. */
  originalName: string
  /** Name of the wanted host that this one is reached through. */
  jump: string | null
  /** ProxyCommand of ssh_config(5), tokens not expanded; null: none. */
  proxyCommand: ProxyCommand | null
  identityFiles: string[]
  /** Only the identity files (and agent keys that match them) are offered. */
  identitiesOnly: boolean
  /** True when the identity files were named, not ssh's default list: a missing one is then worth a word. */
  identitiesNamed: boolean
  certificateFiles: string[]
  /** Path of the agent's socket. */
  agent: string | null
  /** What the variables of password_env and passphrase_env hold; never shown. */
  password: string | null
  passphrase: string | null
  strictHostKeyChecking: 'ask' | 'accept-new' | 'yes' | 'no'
  userKnownHostsFiles: string[]
  globalKnownHostsFiles: string[]
  /** HashKnownHosts: names are written as hashes. */
  hashKnownHosts: boolean
  hostKeyAlias: string | null
  hostKeys: string[] | null
  connectTimeoutMs: number
  serverAliveIntervalMs: number
  serverAliveCountMax: number
  compression: boolean
  ciphers: string | null
  macs: string | null
  kexAlgorithms: string | null
  hostKeyAlgorithms: string | null
  pubkeyAcceptedAlgorithms: string | null
  preferredAuthentications: string | null
  /** How often a person is asked for a passphrase, a password, an answer. */
  numberOfPasswordPrompts: number
  bindAddress: string | null
  bindInterface: string | null
  addressFamily: 'any' | 'inet' | 'inet6'
  reconnect: Reconnect
  /** `on_demand`: connected while somebody uses it, and `disconnectAfterMs` longer (0: from then on). */
  connect: 'always' | 'on_demand'
  disconnectAfterMs: number
}

/** `environment`: all that the command gets of ours, without what the files' variables hold. */
export interface ProxyCommand {
  command: string
  environment: Readonly<Record<string, string>>
}

/** How a forward is checked, and what of it counts. */
export interface WantedHealthcheck {
  check: Check
  intervalMs: number
  timeoutMs: number
  /** Unhealthy after so many failed checks in a row. */
  retries: number
  startPeriodMs: number
}

/** One question to what is behind a forward. */
export type Check =
  | { type: 'connect' }
  | { type: 'http'; path: string; expectStatus: readonly [number, number] }
  | CheckCommand

/** `environment`: all that it gets of ours. `folder`: where it runs. */
export interface CheckCommand {
  type: 'command'
  command: readonly string[]
  environment: Readonly<Record<string, string>>
  folder: string
}

interface WantedForwardBase {
  name: string
  /** Name of the wanted host. */
  via: string
  to: Target
  allowFrom: string[] | null
  allowTo: string[] | null
  auth: { username: string; password: string } | null
  hostHeader: string | null
  /** `project`: the folder in which missing folders may be made. */
  socket: { mode: number; replace: boolean; project: string }
  drainMs: number
  idleTimeoutMs: number
  maxConnections: number
  /** Null: nobody asks by himself. */
  healthcheck: WantedHealthcheck | null
  description: string | null
  /** What programs are told of it: nothing here does anything with them. */
  envPrefix: string | null
  env: Readonly<Record<string, string>>
}

/** `listen`: each socket that is bound on this machine (two for loopback). */
export interface WantedLocalForward extends WantedForwardBase {
  kind: 'local' | 'dynamic'
  listen: SocketAddress[]
}

/** `listen`: what is asked of the host. `gateway`: a relay that runs there listens instead of its server. */
export interface WantedRemoteForward extends WantedForwardBase {
  kind: 'remote'
  listen: ListenSpec
  gateway: 'relay' | null
}

export type WantedForward = WantedLocalForward | WantedRemoteForward

/** `user@hostname:port`. */
export function formatEndpoint(host: Pick<WantedHost, 'user' | 'hostname' | 'port'>): string {
  const name = host.hostname.includes(':') ? `[${host.hostname}]` : host.hostname
  return `${host.user}@${name}:${host.port}`
}
