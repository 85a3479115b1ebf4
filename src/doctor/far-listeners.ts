// Who listens on a port of the far side, read from what its own tools print: ss(8), netstat(8), or proc(5).

/** For any shell that an account may have; the first of them that is there answers. */
export const LIST_LISTENERS =
  "sh -c '{ ss -ltn || netstat -ltn || netstat -an -p tcp || cat /proc/net/tcp /proc/net/tcp6; } 2>/dev/null'"

/** Addresses on which somebody listens with TCP on `port`; `*` where a tool says so. Empty: none, or no such text. */
export function listenersIn(text: string, port: number): string[] {
  const found = text.split('\n').flatMap((line) => {
    const kernel = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) \S+ 0A /.exec(line)
    if (kernel) return Number.parseInt(kernel[2]!, 16) === port ? [parseKernelAddress(kernel[1]!)] : []
    return /\bLISTEN/.test(line) ? addressesIn(line, port) : []
  })
  return [...new Set(found)]
}

/** The local address is the first of a line: `127.0.0.1:80`, `[::1]:80`, `:::80`, `lo%eth0:80`, BSD's `127.0.0.1.80`. */
function addressesIn(line: string, port: number): string[] {
  for (const word of line.trim().split(/\s+/)) {
    const [, host, shown] = /^(.*)[:.](\d+|\*)$/.exec(word) ?? []
    // An address without a port ends in digits, too; a column of counts has no separator.
    if (host === undefined || shown === '*') continue
    if (Number(shown) !== port) return []
    return [host.replace(/^\[|\]$/g, '').replace(/%.*$/, '') || '*']
  }
  return []
}

/** 32-bit words in the machine's byte order, little-endian on nearly all of them. */
function parseKernelAddress(hex: string): string {
  const words = (hex.match(/.{8}/g) ?? []).map((word) => Buffer.from(word, 'hex').reverse())
  const bytes = Buffer.concat(words)
  if (bytes.length === 4) return bytes.join('.')
  const isMapped = bytes.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'))
  if (isMapped) return bytes.subarray(12).join('.')
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  // The one spelling of RFC 5952.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

export type Scope = 'loopback' | 'all' | 'address'

/** How far a listener can be reached from. */
export function scopeOf(addresses: readonly string[]): Scope {
  if (addresses.some((address) => ['*', '0.0.0.0', '::', ''].includes(address))) return 'all'
  return addresses.every(isLoopback) ? 'loopback' : 'address'
}

export function isLoopback(address: string): boolean {
  return address === 'localhost' || address === '::1' || /^(::ffff:)?127\./.test(address)
}
