// Which differences between two specs matter, and what each forces: the planner's table of ARCHITECTURE.md,
// as data. A field that is named nowhere here forces the strongest thing, so that a new one is never ignored.

import type { WantedForward, WantedHost } from '../model/wanted.ts'
import type { ForwardChange } from './plan.ts'

/** Host fields that take effect on the connection that is open. */
const hostUpdates: ReadonlySet<string> = new Set<keyof WantedHost>([
  'reconnect',
  'connectTimeoutMs',
  'hashKnownHosts',
  'numberOfPasswordPrompts',
  'serverAliveIntervalMs',
  'serverAliveCountMax',
  'connect',
  'disconnectAfterMs',
])

const forwardUpdates: Readonly<Record<string, ForwardChange>> = {
  to: 'route',
  via: 'route',
  auth: 'route',
  hostHeader: 'route',
  allowFrom: 'policy',
  allowTo: 'policy',
  maxConnections: 'limits',
  drainMs: 'limits',
  idleTimeoutMs: 'limits',
  healthcheck: 'limits',
  description: 'limits',
  envPrefix: 'limits',
  env: 'limits',
  listen: 'listen',
  socket: 'listen',
}

export interface HostDifference {
  reopen: boolean
  fields: string[]
}

/** Null: equal. */
export function compareHosts(running: WantedHost, wanted: WantedHost): HostDifference | null {
  const fields = differingFields(running, wanted)
  if (fields.length === 0) return null
  const words = [...new Set(fields.map(hostWord))]
  return { reopen: fields.some((field) => !hostUpdates.has(field)), fields: words }
}

export interface ForwardDifference {
  reopen: boolean
  changed: ForwardChange[]
  fields: string[]
}

/** Null: equal. A change of kind, or of what is asked of the host, makes a new forward of it. */
export function compareForwards(running: WantedForward, wanted: WantedForward): ForwardDifference | null {
  const fields = differingFields(running, wanted)
  if (fields.length === 0) return null
  const isRemote = running.kind === 'remote' || wanted.kind === 'remote'
  const reopen = fields.some(
    (field) => forwardUpdates[field] === undefined || (isRemote && isRemoteAddress(field)),
  )
  const changed = [...new Set(fields.map((field) => forwardUpdates[field] ?? 'route'))]
  return { reopen, changed, fields: [...new Set(fields.map((field) => forwardWord(field, wanted)))] }
}

/** Moving a remote listener to another host is asking another host for it. */
function isRemoteAddress(field: string): boolean {
  return field === 'listen' || field === 'via'
}

function differingFields(a: object, b: object): string[] {
  const left = a as Record<string, unknown>
  const right = b as Record<string, unknown>
  const keys = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...keys].filter((key) => JSON.stringify(left[key]) !== JSON.stringify(right[key]))
}

const hostWords: Readonly<Record<string, string>> = {
  jump: 'proxy_jump',
  originalName: 'hostname',
  certificateFiles: 'certificate_file',
  password: 'password_env',
  passphrase: 'passphrase_env',
  agent: 'identity_agent',
  identityFiles: 'identity_file',
  identitiesNamed: 'identity_file',
  userKnownHostsFiles: 'user_known_hosts_file',
  globalKnownHostsFiles: 'global_known_hosts_file',
}

function hostWord(field: string): string {
  return hostWords[field] ?? snakeCase(field)
}

function forwardWord(field: string, wanted: WantedForward): string {
  if (field === 'listen') return wanted.kind
  if (field === 'kind') return wanted.kind
  if (field === 'hostHeader') return 'http'
  return snakeCase(field)
}

function snakeCase(field: string): string {
  return field.replace(/Ms$/, '').replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)
}
