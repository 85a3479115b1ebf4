// Which process listens on a TCP port, where the system's /proc tells: proc(5), /proc/net/tcp and
// /proc/PID/fd. Processes of other users stay unknown unless we are root.

import { readdir, readFile, readlink } from 'node:fs/promises'
import ipaddr from 'ipaddr.js'
import { isWildcard } from '../model/address.ts'

export interface PortHolder {
  pid: number
  /** The command's name, at most 15 characters. */
  name: string
}

/**
 * What was found for a socket, by its inode. Whoever waits for a port asks every second, and going through all of
 * /proc costs tens of milliseconds.
 */
const known = new Map<string, PortHolder | null>()
const MOST_KNOWN = 1_000

/** Null where nobody is found. Never rejects. */
export async function findPortHolder(host: string, port: number): Promise<PortHolder | null> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => read(`/proc/net/${name}`)))
  const inodes = tables.flatMap((table) => listeningInodes(table, host, port))
  if (inodes.length === 0) return null
  const key = inodes.join()
  const links = new Set(inodes.map((inode) => `socket:[${inode}]`))
  const before = known.get(key)
  if (before === null || (before && (await hasOpen(before.pid, links)))) return before
  const holder = await findProcess(links)
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

/** Addresses stand there as 32-bit words in the machine's byte order. */
function parseKernelAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => [...Buffer.from(word, 'hex').reverse()])
  return ipaddr.fromByteArray(bytes).toString()
}

function overlaps(held: string, host: string): boolean {
  return (
    isWildcard(held) ||
    isWildcard(host) ||
    ipaddr.process(held).toString() === ipaddr.process(host).toString()
  )
}

async function findProcess(links: ReadonlySet<string>): Promise<PortHolder | null> {
  const entries = await readdir('/proc').catch(() => [])
  for (const entry of entries) {
    const pid = Number(entry)
    if (!Number.isInteger(pid) || !(await hasOpen(pid, links))) continue
    return { pid, name: (await read(`/proc/${pid}/comm`)).trim() }
  }
  return null
}

async function hasOpen(pid: number, links: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`
  const open = await readdir(folder).catch(() => [])
  const targets = await Promise.all(open.map((fd) => readlink(`${folder}/${fd}`).catch(() => '')))
  return targets.some((target) => links.has(target))
}

function read(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}
