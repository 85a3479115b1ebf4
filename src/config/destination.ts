// ssh destinations as ssh(1) takes them, `[user@]host` and `ssh://[user@]host[:port]`, and a port after the
// host in both: what `via`, `proxy_jump` and a short form name when they do not name a host of the file.

import { isIPv6 } from 'node:net'
import { formatHostPort } from '../model/address.ts'
import { hostnameComplaint, parseUser } from './hostname.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { parsePort } from './port.ts'
import type { Plain } from './tree.ts'

export interface Destination {
  user?: string
  hostname: string
  port?: number
}

/** The texts of a destination's parts, each still unchecked; variables in them stay whole. */
export interface DestinationParts {
  user?: string
  host: string
  port?: string
}

/** Null for what is no destination. */
export function parseDestination(text: string): Destination | null {
  const destination = readDestination(text)
  return destination.ok ? destination.value : null
}

export function readDestination(value: Plain): Parsed<Destination> {
  const parts = splitDestination(String(value))
  const complaint = hostnameComplaint(parts.host)
  if (complaint)
    return refused(`must be a destination [user@]host[:port], its host a name or an address${complaint}`)
  const destination: Destination = { hostname: parts.host }
  if (parts.user !== undefined) {
    const user = parseUser(parts.user)
    if (!user.ok) return refused(`must be a destination [user@]host[:port], but its user ${user.complaint}`)
    destination.user = user.value
  }
  if (parts.port !== undefined) {
    const port = parsePort(parts.port)
    if (!port.ok) return refused(`must be a destination [user@]host[:port], but its port ${port.complaint}`)
    destination.port = port.value
  }
  return parsed(destination)
}

/** `[user@]host[:port]`: one text for all spellings of a destination. */
export function formatDestination({ user, hostname, port }: Destination): string {
  const bare = isIPv6(hostname) ? `[${hostname}]` : hostname
  const address = port === undefined ? bare : formatHostPort(hostname, port)
  return user === undefined ? address : `${user}@${address}`
}

/** At the last `@`, then at the port's colon; neither is looked for inside `${…}`. */
export function splitDestination(text: string): DestinationParts {
  const plain = /^ssh:\/\//i.test(text) ? text.slice('ssh://'.length).replace(/\/$/, '') : text
  const masked = maskVariables(plain)
  const at = masked.lastIndexOf('@')
  const parts: DestinationParts = splitHostPort(plain.slice(at + 1))
  if (at >= 0) parts.user = plain.slice(0, at)
  return parts
}

function splitHostPort(text: string): { host: string; port?: string } {
  const masked = maskVariables(text)
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(masked)
  if (bracketed) {
    const host = text.slice(1, 1 + bracketed[1]!.length)
    return bracketed[2] === undefined ? { host } : { host, port: text.slice(host.length + 3) }
  }
  const colon = masked.indexOf(':')
  if (colon < 0 || isIPv6(text)) return { host: text }
  return { host: text.slice(0, colon), port: text.slice(colon + 1) }
}

/** The same text with every `${…}` blanked out, so that looking for a separator finds none inside; same length. */
export function maskVariables(text: string): string {
  let depth = 0
  let masked = ''
  for (let index = 0; index < text.length; index++) {
    const pair = text.slice(index, index + 2)
    if (pair === '$$' && depth === 0) {
      masked += '__'
      index++
    } else if (pair === '${') {
      depth++
      masked += '__'
      index++
    } else {
      masked += depth > 0 ? '_' : text[index]
      if (text[index] === '}' && depth > 0) depth--
    }
  }
  return masked
}
