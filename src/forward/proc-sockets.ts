// Whose sockets there are on this machine, where the system's /proc tells: proc(5), /proc/net/tcp, tcp6 and unix, and
// /proc/PID/fd. Processes of other users stay unknown unless we are root.

import { readdir, readFile, readlink } from 'node:fs/promises'
import ipaddr from 'ipaddr.js'

export interface SocketOwner {
  pid: number
  /** The command's name, at most 15 characters. */
  name: string
}

export interface TcpSocket {
  /** IP address and port; IPv4 in its own form. */
  local: { host: string; port: number }
  remote: { host: string; port: number }
  isListening: boolean
  inode: string
}

/** All of them; empty where nothing tells. Never rejects. */
export async function readTcpSockets(): Promise<TcpSocket[]> {
  const tables = await Promise.all(['tcp', 'tcp6'].map((name) => readProc(`/proc/net/${name}`)))
  return tables.flatMap((table) => table.split('\n').slice(1).flatMap(parseRow))
}

/** Paths as they were bound. */
export async function readUnixListeners(): Promise<{ path: string; inode: string }[]> {
  const rows = (await readProc('/proc/net/unix')).split('\n').slice(1)
  return rows.flatMap((row) => {
    const [, , , flags = '0', , , inode = '', ...path] = row.trim().split(/ +/)
    // SO_ACCEPTCON
    const isListening = (Number.parseInt(flags, 16) & 0x1_0000) !== 0
    return isListening && path.length > 0 ? [{ path: path.join(' '), inode }] : []
  })
}

/** By inode; one look through /proc for all of them. Never rejects. */
export async function findOwners(inodes: ReadonlySet<string>): Promise<Map<string, SocketOwner>> {
  const owners = new Map<string, SocketOwner>()
  if (inodes.size === 0) return owners
  const entries = await readdir('/proc').catch(() => [])
  for (const pid of entries.map(Number).filter(Number.isInteger)) {
    const links = await openFiles(pid)
    const own = links
      .map((link) => /^socket:\[(\d+)\]$/.exec(link)?.[1] ?? '')
      .filter((each) => inodes.has(each))
    if (own.length === 0) continue
    const owner = { pid, name: (await readProc(`/proc/${pid}/comm`)).trim() }
    for (const inode of own) if (!owners.has(inode)) owners.set(inode, owner)
  }
  return owners
}

/** What its descriptors lead to. */
export async function openFiles(pid: number): Promise<string[]> {
  const folder = `/proc/${pid}/fd`
  const open = await readdir(folder).catch(() => [])
  return Promise.all(open.map((fd) => readlink(`${folder}/${fd}`).catch(() => '')))
}

export function readProc(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '')
}

/** State 0A is LISTEN. */
function parseRow(row: string): TcpSocket[] {
  const [, local = '', remote = '', state, , , , , , inode = ''] = row.trim().split(/\s+/)
  if (inode === '') return []
  return [{ local: parseEnd(local), remote: parseEnd(remote), isListening: state === '0A', inode }]
}

function parseEnd(text: string): TcpSocket['local'] {
  const [address = '', port = ''] = text.split(':')
  return { host: plainAddress(parseKernelAddress(address)), port: Number.parseInt(port, 16) }
}

/** Addresses stand there as 32-bit words in the machine's byte order. */
export function parseKernelAddress(hex: string): string {
  const words = hex.match(/.{8}/g) ?? []
  const bytes = words.flatMap((word) => [...Buffer.from(word, 'hex').reverse()])
  return ipaddr.fromByteArray(bytes).toString()
}

/** One text for one address, `::ffff:1.2.3.4` as IPv4. */
export function plainAddress(address: string): string {
  return ipaddr.process(address.replace(/%.*$/, '')).toString()
}
