// Free TCP ports, for the places where a number must be known before somebody listens (a tunnels.yaml, an sshd_config).

import { createServer } from 'node:net'

/** Below every system's ephemeral range, so that no outgoing connection takes it in the meantime. */
const FIRST = 10_000
const LAST = 31_999

/** Each worker, of each run at once, draws from a share of its own: a port may be known long before somebody listens there. */
const SHARES = 64
const run = [...(process.env.TUNNELS_TEST_RUN ?? '')].reduce((sum, letter) => sum + letter.charCodeAt(0), 0)
const share = (run * 8 + Number(process.env.VITEST_POOL_ID ?? 1)) % SHARES
const given = new Set<number>()

/** A port that is free on 127.0.0.1 and on ::1 (where there is one) now, and that this worker gets only once. */
export async function freePort(): Promise<number> {
  for (let attempt = 0; attempt < 200; attempt++) {
    const port = FIRST + share + SHARES * Math.floor((Math.random() * (LAST - FIRST)) / SHARES)
    if (given.has(port)) continue
    given.add(port)
    const families = (await hasIpv6()) ? ['127.0.0.1', '::1'] : ['127.0.0.1']
    const free = await Promise.all(families.map((host) => canListen(host, port)))
    if (free.every(Boolean)) return port
  }
  throw new Error('No free port found in 200 attempts')
}

export async function freePorts(count: number): Promise<number[]> {
  return Promise.all(Array.from({ length: count }, freePort))
}

let ipv6: Promise<boolean> | undefined

/** Whether this machine has ::1; a container often has not. */
export function hasIpv6(): Promise<boolean> {
  ipv6 ??= canListen('::1', 0)
  return ipv6
}

/** Whether somebody could listen there now. */
export function canListen(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen({ host, port }, () => server.close(() => resolve(true)))
  })
}
