// Wanted values for tests, from the little that a test is about.

import type { SocketAddress, Target } from '../../src/model/address.ts'
import type {
  Wanted,
  WantedForward,
  WantedHost,
  WantedLocalForward,
  WantedRemoteForward,
} from '../../src/model/wanted.ts'

export function host(name: string, fields: Partial<WantedHost> = {}): WantedHost {
  return {
    name,
    hostname: `${name}.example.com`,
    port: 22,
    user: 'me',
    originalName: `${name}.example.com`,
    jump: null,
    proxyCommand: null,
    certificateFiles: [],
    password: null,
    passphrase: null,
    identityFiles: [],
    identitiesOnly: false,
    identitiesNamed: false,
    agent: null,
    strictHostKeyChecking: 'ask',
    userKnownHostsFiles: [],
    globalKnownHostsFiles: [],
    hashKnownHosts: false,
    numberOfPasswordPrompts: 3,
    hostKeyAlias: null,
    hostKeys: null,
    connectTimeoutMs: 10_000,
    serverAliveIntervalMs: 15_000,
    serverAliveCountMax: 3,
    compression: false,
    ciphers: null,
    macs: null,
    kexAlgorithms: null,
    hostKeyAlgorithms: null,
    pubkeyAcceptedAlgorithms: null,
    preferredAuthentications: null,
    bindAddress: null,
    bindInterface: null,
    addressFamily: 'any',
    reconnect: { initialMs: 10, maxMs: 50, attempts: Number.POSITIVE_INFINITY },
    connect: 'always',
    disconnectAfterMs: 300_000,
    ...fields,
  }
}

const base = {
  via: 'acme',
  to: { kind: 'tcp', host: 'localhost', port: 5432 } satisfies Target,
  allowFrom: null,
  allowTo: null,
  auth: null,
  hostHeader: null,
  socket: { mode: 0o600, replace: true, project: '/' },
  drainMs: 600_000,
  idleTimeoutMs: 0,
  maxConnections: 1024,
  healthcheck: null,
  description: null,
  envPrefix: null,
  env: {},
}

export function local(
  name: string,
  port: number,
  fields: Partial<WantedLocalForward> = {},
): WantedLocalForward {
  return { ...base, name, kind: 'local', listen: loopback(port), ...fields }
}

export function remote(
  name: string,
  port: number,
  fields: Partial<WantedRemoteForward> = {},
): WantedRemoteForward {
  const listen = { kind: 'tcp', bind: 'loopback', port } as const
  return { ...base, name, kind: 'remote', listen, gateway: null, ...fields }
}

export function loopback(port: number): SocketAddress[] {
  return [{ kind: 'tcp', host: '127.0.0.1', port }]
}

export function everywhere(port: number): SocketAddress[] {
  return [{ kind: 'tcp', host: '::', port }]
}

/** With a host of its name for every `via` and jump that has none. */
export function wanted(
  forwards: WantedForward[],
  hosts: WantedHost[] = [],
  deselected: string[] = [],
): Wanted {
  const all = new Map(hosts.map((entry) => [entry.name, entry]))
  for (const name of [...forwards.map(({ via }) => via), ...hosts.flatMap(({ jump }) => jump ?? [])]) {
    if (!all.has(name)) all.set(name, host(name))
  }
  return {
    hosts: all,
    forwards: new Map(forwards.map((entry) => [entry.name, entry])),
    deselected: new Set(deselected),
  }
}
