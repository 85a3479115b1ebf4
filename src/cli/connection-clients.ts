// Which process is at the other end of a connection, for `status --connections`: found by its address among this
// machine's sockets, where the system tells.

import { findOwners, plainAddress, readTcpSockets } from '../forward/proc-sockets.ts'
import { formatHostPort, parseShownAddress } from '../model/address.ts'
import type { ForwardStatus, Status } from '../model/status.ts'

/** Those of a remote forward are on the other side. */
export async function withClients(status: Status): Promise<Status> {
  const inodes = new Map<string, string>()
  for (const { local, remote, isListening, inode } of await readTcpSockets())
    if (!isListening) inodes.set(keyOf(local, remote.port), inode)
  const inodeOf = (from: string | null, { listen }: ForwardStatus) => {
    const client = tcpOf(from)
    const ports = listen.flatMap((shown) => tcpOf(shown)?.port ?? [])
    return client ? ports.flatMap((port) => inodes.get(keyOf(client, port)) ?? [])[0] : undefined
  }
  const here = status.forwards.filter(({ kind }) => kind !== 'remote')
  const clients = here.flatMap((forward) => {
    return (forward.openConnections ?? []).flatMap(({ from }) => inodeOf(from, forward) ?? [])
  })
  const owners = await findOwners(new Set(clients))
  const fill = (forward: ForwardStatus): ForwardStatus => {
    const { openConnections, kind } = forward
    if (!openConnections || kind === 'remote') return forward
    const filled = openConnections.map((each) => {
      return { ...each, process: owners.get(inodeOf(each.from, forward) ?? '') ?? null }
    })
    return { ...forward, openConnections: filled }
  }
  return { ...status, forwards: status.forwards.map(fill) }
}

/** One port may lead to several others at the same time. */
function keyOf(client: { host: string; port: number }, to: number): string {
  return `${formatHostPort(client.host, client.port)} ${to}`
}

function tcpOf(text: string | null): { host: string; port: number } | null {
  const address = text === null ? null : parseShownAddress(text)
  if (address?.kind !== 'tcp') return null
  return { host: address.host === '*' ? address.host : plainAddress(address.host), port: address.port }
}
