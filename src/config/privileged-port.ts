// Which ports this user may listen on: ip(7) "ip_unprivileged_port_start", capabilities(7).

import { readFileSync } from 'node:fs'

const CAP_NET_BIND_SERVICE = 10n

/** The lowest port that this process may bind; 0 where it may bind all. */
export function lowestFreePort(): number {
  if (process.getuid?.() === 0 || canBindAll()) return 0
  const start = Number(readText('/proc/sys/net/ipv4/ip_unprivileged_port_start') || 1024)
  return Number.isInteger(start) ? start : 1024
}

function canBindAll(): boolean {
  const [, effective] = /^CapEff:\s*([0-9a-f]+)$/m.exec(readText('/proc/self/status')) ?? []
  return effective !== undefined && ((BigInt(`0x${effective}`) >> CAP_NET_BIND_SERVICE) & 1n) === 1n
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
