// Names that reach ssh, a resolver or a shell on the far side: hosts, users, network interfaces. What OpenSSH's
// valid_hostname() and valid_ruser() (ssh.c) refuse is refused here, and a little more.

import { isIP } from 'node:net'
import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

const HOSTNAME = /^[\p{L}\p{N}_][\p{L}\p{N}._+=-]*$/u
const BAD_IN_USER = /[\s\p{C}'"`$;&<>|(){}*?[\]!#~]/u

/** A host name or an IP address without brackets; at most 253 characters. */
export function parseHostname(value: Plain): Parsed<string> {
  const text = String(value)
  const complaint = hostnameComplaint(text)
  return complaint ? refused(`must be a host name or an IP address${complaint}`) : parsed(text)
}

/** What is wrong with it, to follow "must be a host name"; null when nothing is. */
export function hostnameComplaint(text: string): string | null {
  if (isIP(text) !== 0) return /[\s\p{C}'"`$\\;&<>|(){}]/u.test(text) ? ' without shell characters' : null
  if (text === '') return ', not empty'
  if (text.startsWith('-')) return ' that does not begin with a dash'
  if (/[\s\p{C}]/u.test(text)) return ' without blanks or control characters'
  if (/^\d+(\.\d+){3}$/.test(text)) return ': each part of an IPv4 address is at most 255'
  if (text.length > 253) return ' of at most 253 characters'
  return HOSTNAME.test(text) ? null : ' of letters, digits, dots and dashes'
}

/**
 * HostKeyAlias of ssh_config(5): any name, port and brackets included. Not what sshd(8) reads as a pattern, a mark or a
 * comment in known_hosts: a new key would be written down for other hosts, too.
 */
export function parseHostKeyAlias(value: Plain): Parsed<string> {
  const text = String(value)
  if (text === '' || /[\s\p{C}]/u.test(text))
    return refused('must be a name without blanks or control characters')
  if (/^[-|#@]|[*?!,]/.test(text))
    return refused('must be a name, no pattern: without * ? ! and commas, and not beginning with - | # or @')
  return parsed(text)
}

export function parseUser(value: Plain): Parsed<string> {
  const text = String(value)
  if (text === '' || text.startsWith('-'))
    return refused('must be a user name that does not begin with a dash')
  if (BAD_IN_USER.test(text) || text.endsWith('\\')) {
    return refused('must be a user name without blanks, control characters or shell characters')
  }
  return parsed(text)
}
