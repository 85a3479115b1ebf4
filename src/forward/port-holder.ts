// Which process listens on a TCP port, where the system tells: for who asks again and again while they wait for it.

import { isWildcard } from '../model/address.ts'
import {
  findOwners,
  openFiles,
  parseKernelAddress,
  plainAddress,
  readProc,
  type SocketOwner,
} from './proc-sockets.ts'

/**
 * What was found for a socket, by its inode. Whoever waits for a port asks every second, and going through all of
 * /proc costs tens of milliseconds.
 */
const known = new Map<string, SocketOwner | null>()
const MOST_KNOWN = 1_000

/** Null where nobody is found. Never rejects. */
export async function findPortHolder(host: string, port: number): Promise<SocketOwner | null> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readProc(`/proc/net/${name}`)))
  const inodes = tables.flatMap((table) => listeningInodes(table, host, port))
  if (inodes.length === 0) return null
  const key = inodes.join()
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`))
  const before = known.get(key)
  if (before === null || (before && (await hasOpen(before.pid, links)))) return before
  const [holder = null] = (await findOwners(new Set(inodes))).values()
  if (known.size >= MOST_KNOWN) known.clear()
  known.set(key, holder)
  return holder
}

/** Inodes of the sockets in state LISTEN (0A) that overlap `host:port`. */
function listeningInodes(table: string, host: string, port: number): string[] {
  const shownPort = `:${port.toString(16).toUpperCase().padStart(4, '0')} `
  const rows = table.split('\n').filter((row) => row.includes(shownPort))
  return rows.flatMap((row) => {
    const [, local = '', , state, , , , , , inode = ''] = row.trim().split(/\s+/)
    const [address = '', hexPort = ''] = local.split(':')
    if (state !== '0A' || Number.parseInt(hexPort, 16) !== port) return []
    return overlaps(parseKernelAddress(address), host) ? [inode] : []
  })
}

function overlaps(held: string, host: string): boolean {
  return isWildcard(held) || isWildcard(host) || plainAddress(held) === plainAddress(host)
}

async function hasOpen(pid: number, links: ReadonlySet<string>): Promise<boolean> {
  return (await openFiles(pid)).some((target) => links.has(target))
}
