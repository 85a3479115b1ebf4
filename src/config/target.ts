// Targets: what follows `to`.

import { isIPv6 } from 'node:net'
import type { Target } from '../model/address.ts'
import { hostnameComplaint } from './hostname.ts'
import { type Base, parseSocketPath } from './local-path.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { parsePort } from './port.ts'
import type { Plain } from './tree.ts'

/** `here`: this machine dials it (`remote`); `there`: the host does (`local`). */
export function parseTarget(value: Plain, end: 'here' | 'there', base: Base): Parsed<Target> {
  const text = String(value)
  if (text === 'socks') return parsed({ kind: 'socks' })
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    return refused('must be host:port or the path of a Unix socket, not a URL', 'For example example.com:443')
  }
  if (text.includes('/')) {
    const path = parseSocketPath(text, end, base)
    return path.ok ? parsed({ kind: 'unix', path: path.value }) : path
  }
  return parseHostPort(text)
}

function parseHostPort(text: string): Parsed<Target> {
  const [, bracketed, plain, portText] = /^(?:(?:\[(.*)\]|([^:]*)):)?([^:\]]*)$/.exec(text) ?? []
  if (portText === undefined || isIPv6(text)) {
    return refused('must have its IPv6 address in brackets, then the port', 'For example "[2001:db8::1]:443"')
  }
  const host = bracketed ?? plain ?? 'localhost'
  const port = parsePort(portText)
  if (!port.ok) return /^\d/.test(portText) || host !== 'localhost' ? port : refusedTarget(text)
  if (bracketed !== undefined && !isIPv6(bracketed))
    return refused('must have an IPv6 address in the brackets')
  const complaint = hostnameComplaint(host)
  if (complaint) return refused(`must go to a host name or an IP address${complaint}`)
  return parsed({ kind: 'tcp', host, port: port.value })
}

function refusedTarget(text: string): Parsed<never> {
  const hint = hostnameComplaint(text) ? undefined : `Add the port: ${text}:PORT`
  return refused('must be host:port, a port, or the path of a Unix socket', hint)
}
