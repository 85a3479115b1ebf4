// The variables that a forward gives to programs: PREFIX_HOST, PREFIX_PORT or PREFIX_SOCKET, and its own templates with
// the address filled in. Pure: where it listens is told.

import { isWildcard, type ListenSpec, type SocketAddress } from './address.ts'
import type { ForwardKind } from './project.ts'

/** What the file says about them. */
export interface VariableSpec {
  name: string
  kind: ForwardKind
  envPrefix?: string
  env: Readonly<Record<string, string>>
}

export type Variables = Record<string, string>

/** Null for none: a forward that listens on a host sets only what it is told to. */
export function prefixOf({ name, kind, envPrefix }: VariableSpec): string | null {
  if (envPrefix !== undefined) return envPrefix
  if (kind === 'remote') return null
  const prefix = name.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')
  // No variable begins with a digit (POSIX.1-2017, section 8.1).
  return /^\d/.test(prefix) ? `_${prefix}` : prefix
}

export function setsVariables(spec: VariableSpec): boolean {
  return prefixOf(spec) !== null || Object.keys(spec.env).length > 0
}

/** Those of its prefix, by where it listens. */
export function prefixVariables(spec: VariableSpec, isUnix: boolean): string[] {
  const prefix = prefixOf(spec)
  if (prefix === null) return []
  return isUnix ? [`${prefix}_SOCKET`] : [`${prefix}_HOST`, `${prefix}_PORT`]
}

/** `address`: one that can be dialled, see {@link reachable}. The templates come last: they may say the same otherwise. */
export function variablesOf(spec: VariableSpec, address: SocketAddress): Variables {
  const prefix = prefixOf(spec)
  const templates = Object.entries(spec.env)
  return Object.fromEntries([
    ...(prefix === null ? [] : ownVariables(prefix, address)),
    ...templates.map(([variable, template]) => [variable, fillTemplate(template, address)] as const),
  ])
}

function ownVariables(prefix: string, address: SocketAddress): [string, string][] {
  if (address.kind === 'unix') return [[`${prefix}_SOCKET`, address.path]]
  return [
    [`${prefix}_HOST`, address.host],
    [`${prefix}_PORT`, String(address.port)],
  ]
}

const PLACEHOLDER = /\{(host|port|path)\}/g

/** Other braces are left alone: a value may be JSON. */
export function placeholdersOf(template: string): ('host' | 'port' | 'path')[] {
  return [...template.matchAll(PLACEHOLDER)].map(([, name]) => name as 'host' | 'port' | 'path')
}

/**
 * What stands for nothing is left alone. An IPv6 address stands in brackets where a port follows, or in a URL (RFC 3986,
 * section 3.2.2).
 */
export function fillTemplate(template: string, address: SocketAddress): string {
  return template.replaceAll(PLACEHOLDER, (placeholder, name: string, at: number) => {
    if (address.kind === 'unix') return name === 'path' ? address.path : placeholder
    if (name === 'port') return String(address.port)
    if (name === 'path') return placeholder
    const isInUrl = template[at + placeholder.length] === ':' || /(\/\/|@)$/.test(template.slice(0, at))
    return address.host.includes(':') && isInUrl ? `[${address.host}]` : address.host
  })
}

/** What to dial for somebody who listens there: loopback for loopback and for all interfaces. */
export function reachable(address: SocketAddress): SocketAddress {
  if (address.kind === 'unix') return address
  const isLoopback = isWildcard(address.host) || ['*', 'localhost'].includes(address.host)
  return isLoopback ? { ...address, host: '127.0.0.1' } : address
}

/** What the file alone tells, ready to be dialled; null where a port is still to be chosen. */
export function fixedAddress(listen: ListenSpec): SocketAddress | null {
  if (listen.kind === 'unix') return listen
  const { bind, port } = listen
  if (port === 'auto') return null
  const host = bind === 'loopback' ? '127.0.0.1' : bind === 'any' ? '::' : bind.address
  return reachable({ kind: 'tcp', host, port })
}
