// How much of what was written to a connection has arrived at the other end's system, which says so without any help
// of the server there. What waits in a long queue on its way is told apart from what nobody answers by that.

import { readFileSync } from 'node:fs'
import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'

/** Node's own, of a socket: what it gave to the system, and what of that is still to be taken. */
interface Handle {
  bytesWritten: number
  writeQueueSize: number
}

/** The connection that a channel is part of: what goes to a host behind a jump host is in its queue. */
const carriedBy = new WeakMap<Duplex, Duplex>()

export function tellCarrier(channel: Duplex, connection: Duplex): void {
  carriedBy.set(channel, connection)
}

/** The connection that leaves this machine: `stream` itself, or what carries it. */
export function outermost(stream: Duplex): Duplex {
  const carrier = carriedBy.get(stream)
  return carrier ? outermost(carrier) : stream
}

/** Of a connection that leaves this machine, since it was made; null where nobody tells, as on macOS. */
export function deliveredBytes(stream: Duplex): number | null {
  const { localPort, remotePort, _handle: handle } = stream as Socket & { _handle?: Partial<Handle> | null }
  if (typeof handle?.bytesWritten !== 'number' || typeof handle.writeQueueSize !== 'number') return null
  const unacknowledged = localPort && remotePort ? findUnacknowledged(localPort, remotePort) : null
  return unacknowledged === null ? null : handle.bytesWritten - handle.writeQueueSize - unacknowledged
}

/** `tx_queue` of /proc/net/tcp: written, and not acknowledged. Null also where two connections have these ports. */
function findUnacknowledged(localPort: number, remotePort: number): number | null {
  const [local, remote] = [localPort, remotePort].map((port) => hex(port))
  const line = new RegExp(`^ *\\d+: [\\dA-F]+:${local} [\\dA-F]+:${remote} 01 ([\\dA-F]+):`, 'gm')
  const found = ['tcp', 'tcp6'].flatMap((name) => [...readTable(name).matchAll(line)])
  return found.length === 1 ? Number.parseInt(found[0]![1]!, 16) : null
}

function hex(port: number): string {
  return port.toString(16).toUpperCase().padStart(4, '0')
}

function readTable(name: string): string {
  try {
    return readFileSync(`/proc/self/net/${name}`, 'latin1')
  } catch {
    return ''
  }
}
