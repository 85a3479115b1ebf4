// `allow_to`: what may be reached through a SOCKS forward, by patterns `host[:port]`, compared with what the
// client asked for. Nothing is looked up: a name is compared with names, an address with addresses.

import type { DialTarget } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import { isIn, parseAddress, parseRange, type Range } from './allow-from.ts'

export type AllowTo = (host: string, port: number) => boolean

interface Pattern {
  host: { kind: 'range'; range: Range } | { kind: 'glob'; matches: RegExp }
  ports: [number, number]
}

/** The list is valid (checkAllowTo); an entry that is not throws a ProblemError. */
export function parseAllowTo(list: readonly string[]): AllowTo {
  const patterns = list.map((text) => {
    const pattern = parsePattern(text)
    if (typeof pattern === 'string') throw new ProblemError({ code: 'CONFIG_SCHEMA', summary: pattern })
    return pattern
  })
  return (host, port) => patterns.some((pattern) => matches(pattern, host, port))
}

/** Null allows everything; only TCP targets can be asked for by SOCKS, and only they are judged. */
export function isTargetAllowed(target: DialTarget, allowTo: AllowTo | null): boolean {
  return !allowTo || target.kind !== 'tcp' || allowTo(target.host, target.port)
}

/** What is wrong with one entry, or null. */
export function checkAllowTo(text: string): string | null {
  const pattern = parsePattern(text)
  return typeof pattern === 'string' ? pattern : null
}

/** getaddrinfo(3) takes 0x7f000001 and 127.1 for addresses: so they are, and no name that a glob could match. */
function matches({ host: pattern, ports: [first, last] }: Pattern, host: string, port: number): boolean {
  if (port < first || port > last) return false
  const address = parseAddress(host)
  if (address) return pattern.kind === 'range' && isIn(address, pattern.range)
  return pattern.kind === 'glob' && pattern.matches.test(host.replace(/\.$/, ''))
}

function parsePattern(text: string): Pattern | string {
  const { host, ports: written } = splitPattern(text)
  const ports = parsePorts(written)
  if (!ports) return `"${text}" has no valid port: a number, a range such as 8000-8100, or *`
  const range = parseRange(host)
  if (range) return { host: { kind: 'range', range }, ports }
  if (!/^[A-Za-z0-9._*?\u0080-\uffff-]+$/.test(host) || /^[\d.]+$/.test(host)) {
    return `"${text}" is not a host pattern such as *.example.com:443, 10.0.0.0/8 or [2001:db8::/32]:443`
  }
  return { host: { kind: 'glob', matches: parseGlob(host) }, ports }
}

/** `host[:port]`, `[v6]:port`; two colons and no brackets are an IPv6 address without a port. */
function splitPattern(text: string): { host: string; ports: string } {
  const bracketed = /^\[([^\]]*)\](?::(.*))?$/.exec(text)
  if (bracketed) return { host: bracketed[1] ?? '', ports: bracketed[2] ?? '*' }
  const colon = text.indexOf(':')
  if (colon === -1 || colon !== text.lastIndexOf(':')) return { host: text, ports: '*' }
  return { host: text.slice(0, colon), ports: text.slice(colon + 1) }
}

function parsePorts(text: string): [number, number] | null {
  if (text === '*') return [0, 65_535]
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? []
  const range: [number, number] = [Number(first), Number(last)]
  return range[0] >= 1 && range[0] <= range[1] && range[1] <= 65_535 ? range : null
}

/** As PATTERNS in ssh_config(5): `*` is any number of characters, dots too, `?` is one. */
function parseGlob(glob: string): RegExp {
  const source = glob
    .replace(/\.$/, '')
    .replace(/\*+/g, '*')
    .replace(/[.*?]/g, (character) => ({ '.': '\\.', '*': '.*', '?': '.' })[character] ?? character)
  return new RegExp(`^${source}$`, 'i')
}
