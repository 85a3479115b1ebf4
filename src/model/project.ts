// What the file says, after reading, merging, interpolating and validating: plain data, nothing looked up.
// Absent host options stay absent (ssh_config and our defaults fill them in resolve/); forwards are complete.

import type { ListenSpec, Target } from './address.ts'
import type { Position, Problem } from './problem.ts'
import type { TrustPart } from './trust.ts'

export interface Project {
  /** A label: `name:` or the folder's name, normalised. */
  name: string
  /** Real path of the first file's folder: what relative paths are relative to. */
  folder: string
  /** Absolute paths, in merge order. */
  files: string[]
  hosts: ReadonlyMap<string, HostSpec>
  /** What a host starts from that only the ssh configuration names; without a way of its own. */
  hostDefaults: Omit<HostSpec, 'name'>
  forwards: ReadonlyMap<string, ForwardSpec>
  /** Names of environment variables that the files mention, for the selection. */
  variables: string[]
  /** What somebody has to agree to before it is done, of everything in the files, selected or not. */
  trust: TrustPart[]
  warnings: Problem[]
}

/** The options of ssh_config(5) in camelCase, with its meaning; paths absolute, durations in milliseconds. */
export interface HostSpec {
  name: string
  at?: Position
  /** Not declared: a destination that some `via` or `proxy_jump` names. */
  implicit?: true
  hostname?: string
  port?: number
  user?: string
  identityFile?: string[]
  identitiesOnly?: boolean
  /** A socket path, `none`, `SSH_AUTH_SOCK` or `$VARIABLE`. */
  identityAgent?: string
  certificateFile?: string[]
  /** Empty: `none`, straight. Each is a declared host's name or a destination `[user@]host[:port]`. */
  proxyJump?: string[]
  proxyCommand?: string
  strictHostKeyChecking?: 'ask' | 'accept-new' | 'yes' | 'no'
  userKnownHostsFile?: string[]
  globalKnownHostsFile?: string[]
  /** HashKnownHosts of the user's ssh configuration; the file has no key for it. */
  hashKnownHosts?: boolean
  /** NumberOfPasswordPrompts likewise. */
  numberOfPasswordPrompts?: number
  hostKeyAlias?: string
  connectTimeoutMs?: number
  /** 0: off. */
  serverAliveIntervalMs?: number
  serverAliveCountMax?: number
  compression?: boolean
  /** Algorithm lists as ssh_config has them: names by comma, perhaps with a leading `+`, `-` or `^`. */
  ciphers?: string
  macs?: string
  kexAlgorithms?: string
  hostKeyAlgorithms?: string
  pubkeyAcceptedAlgorithms?: string
  preferredAuthentications?: string
  bindAddress?: string
  bindInterface?: string
  addressFamily?: 'any' | 'inet' | 'inet6'
  sshConfig?: boolean | string
  /** `SHA256:…` fingerprints or public-key lines; these alone are accepted. */
  hostKeys?: string[]
  passwordEnv?: string
  passphraseEnv?: string
  connect?: 'always' | 'on_demand'
  disconnectAfterMs?: number
  reconnect?: Partial<Reconnect>
}

export interface Reconnect {
  initialMs: number
  maxMs: number
  /** Infinity: never gives up. */
  attempts: number
}

export type ForwardKind = 'local' | 'remote' | 'dynamic'

/** Defaults are filled in. `dynamic` listens here and its target is always `socks`. */
export interface ForwardSpec {
  name: string
  at?: Position
  kind: ForwardKind
  /** A declared host's name or a destination `[user@]host[:port]`. */
  via: string
  listen: ListenSpec
  to: Target
  /** IPs and CIDRs; absent: everybody. */
  allowFrom?: string[]
  /** Patterns `host[:port]`; absent: everything. */
  allowTo?: string[]
  auth?: { username: string; passwordEnv: string }
  socket: { mode: number; replace: boolean }
  drainMs: number
  /** 0: never. */
  idleTimeoutMs: number
  maxConnections: number
  healthcheck?: Healthcheck
  hostHeader?: string
  gateway?: 'relay'
  profiles: string[]
  envPrefix?: string
  env: Record<string, string>
  description?: string
}

export type Healthcheck = HealthcheckPace &
  (
    | { type: 'connect' }
    | { type: 'http'; path: string; expectStatus: [number, number] }
    | { type: 'command'; command: string[] }
  )

export interface HealthcheckPace {
  intervalMs: number
  timeoutMs: number
  retries: number
  startPeriodMs: number
}
