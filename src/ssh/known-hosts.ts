// known_hosts files as ssh reads them (sshd(8), SSH_KNOWN_HOSTS FILE FORMAT; OpenSSH hostfile.c): text to
// entries, and entries with a key to a verdict. Pure: reading the files is left to known-hosts-files.ts.

import { createHmac } from 'node:crypto'

/** A hundred thousand hosts. */
export const MAX_KNOWN_HOSTS_BYTES = 32 * 1024 * 1024

export interface KnownHost {
  marker: 'none' | 'revoked' | 'cert-authority'
  /** The first field as written: patterns by comma, or one hashed name. */
  hosts: string
  /** Type inside the key, `ssh-rsa` also for the names of RSA signatures. */
  type: string
  key: Buffer
  file: string
  line: number
}

/** `authority`: a @cert-authority line matches, which vouches for certificates only. */
export type Verdict =
  | { kind: 'known' }
  | { kind: 'unknown'; authority: boolean }
  | { kind: 'changed'; entry: KnownHost }
  | { kind: 'revoked'; entry: KnownHost }

/** Broken lines are skipped, as ssh does: a good one after them counts. A NUL ends a line, or a key revoked before it would not be. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((line, index) => {
    const entry = parseLine(line.split('\0', 1)[0]!)
    return entry ? [{ ...entry, file, line: index + 1 }] : []
  })
}

/**
 * What ssh would say of `key` shown by a host that is looked up under `names`, in that order (see `lookupNames`).
 * A wrong key under any but the first name counts as unknown only.
 */
export function judge(entries: KnownHost[], names: string[], key: Buffer): Verdict {
  const matching = names.map((name) => entries.filter((entry) => matchesHost(name, entry.hosts)))
  const revoked = matching.flat().find((entry) => entry.marker === 'revoked' && entry.key.equals(key))
  if (revoked) return { kind: 'revoked', entry: revoked }
  const plain = matching.map((list) => list.filter((entry) => entry.marker === 'none'))
  const first = plain[0] ?? []
  if (first.some((entry) => entry.key.equals(key))) return { kind: 'known' }
  if (first[0]) return { kind: 'changed', entry: contradicting(first, key) }
  if (plain.some((list) => list.some((entry) => entry.key.equals(key)))) return { kind: 'known' }
  return { kind: 'unknown', authority: matching.flat().some((entry) => entry.marker === 'cert-authority') }
}

/** Key types on file for the first name: those are asked of the server first, as ssh does. */
export function knownTypes(entries: KnownHost[], names: string[]): Set<string> {
  const name = names[0] ?? ''
  const plain = entries.filter((entry) => entry.marker === 'none' && matchesHost(name, entry.hosts))
  return new Set(plain.map((entry) => entry.type))
}

/** `[host]:port` and then the plain name where the port is not 22; an alias (HostKeyAlias) replaces both. */
export function lookupNames(hostname: string, port: number, alias: string | null): string[] {
  if (alias !== null) return [alias.toLowerCase()]
  const plain = hostname.toLowerCase()
  return port === 22 ? [plain] : [`[${plain}]:${port}`, plain]
}

/** Whether the first field of a line means `name`: a hash of it, or a pattern list with `*`, `?` and `!`. */
export function matchesHost(name: string, hosts: string): boolean {
  if (hosts.startsWith('|')) return matchesHash(name, hosts)
  let matched = false
  for (const pattern of hosts.toLowerCase().split(',')) {
    const negated = pattern.startsWith('!')
    if (!matchesPattern(name.toLowerCase(), negated ? pattern.slice(1) : pattern)) continue
    if (negated) return false
    matched = true
  }
  return matched
}

/** `*` and `?` as in ssh_config(5), PATTERNS. */
export function matchesPattern(text: string, pattern: string): boolean {
  let [t, p, star, mark] = [0, 0, -1, 0]
  while (t < text.length) {
    if (pattern[p] === '*') {
      star = p++
      mark = t
    } else if (p < pattern.length && (pattern[p] === '?' || pattern[p] === text[t])) {
      t++
      p++
    } else if (star >= 0) {
      // The last star takes one character more; earlier ones need no second try.
      p = star + 1
      t = ++mark
    } else return false
  }
  while (pattern[p] === '*') p++
  return p === pattern.length
}

function matchesHash(name: string, hosts: string): boolean {
  const [, salt, hash, rest] = /^\|1\|([^|]+)\|([^|]+)(.*)$/.exec(hosts) ?? []
  const key = decodeBase64(salt ?? '')
  if (!key || !hash || rest) return false
  return hashName(name, key) === `|1|${salt}|${hash}`
}

/** The first field of a line that hides its name, `|1|SALT|HASH` (HashKnownHosts). */
export function hashName(name: string, salt: Buffer): string {
  return `|1|${salt.toString('base64')}|${createHmac('sha1', salt).update(name).digest('base64')}`
}

type ParsedLine = Omit<KnownHost, 'file' | 'line'>

function parseLine(line: string): ParsedLine | null {
  const { marker, rest } = takeMarker(line.replace(/^[ \t]+/, ''))
  const [hosts, name, encoded] = rest.split(/[ \t]+/)
  if (!marker || !hosts || hosts.startsWith('#') || !name || !encoded) return null
  const key = decodeBase64(encoded)
  const type = key && typeInside(key)
  return type && plainType(name) === type ? { marker, hosts, type, key } : null
}

/** Null for a marker that ssh does not know, for a second one, and for one that a tab follows: ssh skips such lines. */
function takeMarker(line: string): { marker: KnownHost['marker'] | null; rest: string } {
  if (!line.startsWith('@')) return { marker: 'none', rest: line }
  const [, marker, rest = ''] = /^@(revoked|cert-authority) [ \t]*([^@].*)$/s.exec(line) ?? []
  return { marker: (marker as KnownHost['marker'] | undefined) ?? null, rest }
}

function contradicting(entries: KnownHost[], key: Buffer): KnownHost {
  const type = typeInside(key)
  return entries.find((entry) => entry.type === type) ?? entries[0]!
}

function plainType(name: string): string {
  return /^rsa-sha2-(256|512)$/.test(name) ? 'ssh-rsa' : name
}

/** How many fields a public key of a type has (RFC 4253 6.6, RFC 5656 3.1, RFC 8709 4, PROTOCOL.u2f). */
const FIELDS: Record<string, number> = {
  'ssh-ed25519': 2,
  'ssh-rsa': 3,
  'ssh-dss': 5,
  'ecdsa-sha2-nistp256': 3,
  'ecdsa-sha2-nistp384': 3,
  'ecdsa-sha2-nistp521': 3,
  'sk-ssh-ed25519@openssh.com': 3,
  'sk-ecdsa-sha2-nistp256@openssh.com': 4,
}

/** The type that a public key blob names itself, or null when it is not whole. */
export function typeInside(blob: Buffer): string | null {
  const fields = readFields(blob)
  const type = fields?.[0]?.toString('latin1') ?? ''
  if (!fields || !Object.hasOwn(FIELDS, type) || fields.length !== FIELDS[type]) return null
  if (type === 'ssh-ed25519' && fields[1]!.length !== 32) return null
  return type
}

/** The length-prefixed strings of RFC 4251, or null when the last one is cut. */
function readFields(blob: Buffer): Buffer[] | null {
  const fields: Buffer[] = []
  for (let at = 0; at < blob.length; ) {
    if (at + 4 > blob.length) return null
    const end = at + 4 + blob.readUInt32BE(at)
    if (end > blob.length) return null
    fields.push(blob.subarray(at + 4, end))
    at = end
  }
  return fields
}

function decodeBase64(text: string): Buffer | null {
  // As b64_pton(3) has it; what JavaScript calls white space is more.
  const clean = text.replaceAll(/[\r\v\f]/g, '')
  if (clean === '' || clean.length % 4 !== 0 || !/^[A-Za-z0-9+/]+={0,2}$/.test(clean)) return null
  return Buffer.from(clean, 'base64')
}
