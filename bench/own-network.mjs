// @ts-check
// A loopback without pacing. Where the machine's TCP is BBR, it paces loopback too, by what it believes that to carry: a
// connection may crawl at 4 MB/s for seconds, whoever it belongs to, and a bench measures that. So root starts the
// bench anew in a network of its own (ip-netns(8)) with Reno, which paces nothing.

import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

const SCRIPT = 'ip link set lo up && sysctl -qw net.ipv4.tcp_congestion_control=reno && exec "$@"'

/** Null where nobody tells. */
export function congestionControl() {
  try {
    return readFileSync('/proc/sys/net/ipv4/tcp_congestion_control', 'utf8').trim()
  } catch {
    return null
  }
}

/** Returns where there is nothing to do, or no right to; else ends this process with what the other one ended with. */
export function leavePacedNetwork() {
  if (congestionControl() !== 'bbr' || process.getuid?.() !== 0) return
  const inside = ['--net', 'sh', '-c', SCRIPT, 'sh']
  if (spawnSync('unshare', [...inside, 'true']).status !== 0) return
  const { status } = spawnSync('unshare', [...inside, ...process.argv], { stdio: 'inherit' })
  process.exit(status ?? 1)
}
