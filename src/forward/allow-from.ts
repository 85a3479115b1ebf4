// `allow_from`: whose connections a forward takes, by IP address or CIDR. Nothing is implied.

import ipaddr from 'ipaddr.js'
import { ProblemError } from '../model/problem.ts'

/** `address` as the system or the server reports it; null (a Unix socket, an unknown client) is never allowed. */
export type AllowFrom = (address: string | null) => boolean

type Address = ipaddr.IPv4 | ipaddr.IPv6
export type Range = [Address, number]

/** The list is valid (checkAllowFrom); an entry that is not throws a ProblemError. */
export function parseAllowFrom(list: readonly string[]): AllowFrom {
  const ranges = list.map((text) => {
    const problem = checkAllowFrom(text)
    if (problem) throw new ProblemError({ code: 'CONFIG_SCHEMA', summary: problem })
    return parseRange(text)!
  })
  return (address) => {
    const parsed = address === null ? null : parseAddress(address)
    return parsed !== null && ranges.some((range) => isIn(parsed, range))
  }
}

/** What is wrong with one entry, or null. */
export function checkAllowFrom(text: string): string | null {
  return parseRange(text) ? null : `"${text}" is not an IP address or CIDR such as 10.0.0.0/8`
}

/** Null for what is no IP address. `::ffff:a.b.c.d` is IPv4. */
export function parseAddress(text: string): Address | null {
  return ipaddr.isValid(text) ? ipaddr.process(text) : null
}

/** An address is the range of itself. IPv4 must have its four parts: `10.1` is somebody's typing error. */
export function parseRange(text: string): Range | null {
  const [written = '', bits, ...more] = text.split('/')
  const isWritten = ipaddr.IPv4.isValidFourPartDecimal(written) || ipaddr.IPv6.isValid(written)
  if (!isWritten || more.length > 0) return null
  const address = ipaddr.parse(written)
  const width = address.kind() === 'ipv4' ? 32 : 128
  if (bits !== undefined && (!/^\d{1,3}$/.test(bits) || Number(bits) > width)) return null
  return asIpv4(address, bits === undefined ? width : Number(bits))
}

function asIpv4(address: Address, bits: number): Range {
  const isMapped = address instanceof ipaddr.IPv6 && address.isIPv4MappedAddress() && bits >= 96
  return isMapped ? [address.toIPv4Address(), bits - 96] : [address, bits]
}

export function isIn(address: Address, [range, bits]: Range): boolean {
  return address.kind() === range.kind() && address.match(range, bits)
}
