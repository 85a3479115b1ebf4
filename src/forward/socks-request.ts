// What a SOCKS client says, byte for byte: SOCKS4 and 4a, SOCKS5 (RFC 1928), user name and password
// (RFC 1929). Pure, bounded, and started anew with whatever has come so far; who answers what is in
// socks-handshake.ts.

import ipaddr from 'ipaddr.js'

/** `length`: how many bytes of the input it took. `more`: not all of it is there yet. */
export type Parsed<T> = { kind: 'parsed'; value: T; length: number } | { kind: 'more' } | Invalid

/** `wrong` says which answer is due: a command or an address type that does not exist here, or nonsense. */
export interface Invalid {
  kind: 'invalid'
  wrong: 'version' | 'command' | 'address-type' | 'malformed'
}

export interface Destination {
  host: string
  port: number
}

export interface Credentials {
  username: Buffer
  password: Buffer
}

const more = { kind: 'more' } as const
const ipv4 = 1
const name = 3
const ipv6 = 4
const connectCommand = 1
const maxUserIdBytes = 255
const maxNameBytes = 255

/** 4 or 5: the first byte. */
export function parseVersion(bytes: Buffer): Parsed<4 | 5> {
  const version = bytes[0]
  if (version === undefined) return more
  return version === 4 || version === 5 ? parsed(version, 1) : invalid('version')
}

/** RFC 1928 section 3: the methods that the client offers. */
export function parseMethods(bytes: Buffer): Parsed<number[]> {
  const count = bytes[1]
  if (count === undefined) return more
  const length = 2 + count
  return bytes.length < length ? more : parsed([...bytes.subarray(2, length)], length)
}

/** RFC 1929 section 2. */
export function parseCredentials(bytes: Buffer): Parsed<Credentials> {
  if (bytes.length > 0 && bytes[0] !== 1) return invalid('malformed')
  const passwordAt = 2 + (bytes[1] ?? 0)
  const length = passwordAt + 1 + (bytes[passwordAt] ?? 0)
  if (bytes.length < 2 || bytes.length <= passwordAt || bytes.length < length) return more
  const credentials = {
    username: bytes.subarray(2, passwordAt),
    password: bytes.subarray(passwordAt + 1, length),
  }
  return parsed(credentials, length)
}

/** RFC 1928 section 4. */
export function parseSocks5Request(bytes: Buffer): Parsed<Destination> {
  if (bytes.length > 0 && bytes[0] !== 5) return invalid('malformed')
  if (bytes.length < 4) return more
  if (bytes[1] !== connectCommand) return invalid('command')
  const addressLength = addressBytes(bytes)
  if (addressLength === null) return invalid('address-type')
  const length = 4 + addressLength + 2
  if (bytes.length < length) return more
  const host = parseSocks5Host(bytes[3] ?? 0, bytes.subarray(4, 4 + addressLength))
  return host === null ? invalid('malformed') : parsed({ host, port: bytes.readUInt16BE(length - 2) }, length)
}

/** SOCKS4, and 4a where the address is 0.0.0.x: then a name follows the user id. */
export function parseSocks4Request(bytes: Buffer): Parsed<Destination> {
  if (bytes.length < 8) return more
  if (bytes[1] !== connectCommand) return invalid('command')
  const userEnd = bytes.indexOf(0, 8)
  if (userEnd === -1) return bytes.length > 8 + maxUserIdBytes ? invalid('malformed') : more
  const port = bytes.readUInt16BE(2)
  const isNamed = bytes.readUInt32BE(4) > 0 && bytes.readUInt32BE(4) < 256
  if (!isNamed) return parsed({ host: formatAddress(bytes.subarray(4, 8)), port }, userEnd + 1)
  const nameEnd = bytes.indexOf(0, userEnd + 1)
  if (nameEnd === -1) return bytes.length > userEnd + 1 + maxNameBytes ? invalid('malformed') : more
  const host = parseName(bytes.subarray(userEnd + 1, nameEnd))
  return host === null ? invalid('malformed') : parsed({ host, port }, nameEnd + 1)
}

/** Null for an address type that does not exist. A name begins with its length. */
function addressBytes(bytes: Buffer): number | null {
  if (bytes[3] === ipv4) return 4
  if (bytes[3] === ipv6) return 16
  return bytes[3] === name ? 1 + (bytes[4] ?? 0) : null
}

function parseSocks5Host(type: number, bytes: Buffer): string | null {
  return type === name ? parseName(bytes.subarray(1)) : formatAddress(bytes)
}

function formatAddress(bytes: Buffer): string {
  return ipaddr.fromByteArray([...bytes]).toString()
}

/** Null for what no name can be: empty, too long, not UTF-8, blanks or control characters (NUL would cut it). */
function parseName(bytes: Buffer): string | null {
  const text = bytes.toString('utf8')
  const isName = bytes.length > 0 && bytes.length <= maxNameBytes && !/[\0- \x7f-\x9f\ufffd]/.test(text)
  return isName ? text : null
}

function parsed<T>(value: T, length: number): Parsed<T> {
  return { kind: 'parsed', value, length }
}

function invalid(wrong: Invalid['wrong']): Invalid {
  return { kind: 'invalid', wrong }
}
