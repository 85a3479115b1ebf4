// Where the packets of a channel go that is not ssh2's any more.

import type { Client } from 'ssh2'
import { type Insides, insides } from './insides.ts'
import type { ChannelWire } from './take-channel.ts'

type Wires = Map<number, ChannelWire>
type Handler = (protocol: unknown, id: number, ...rest: never[]) => unknown

const wiresByClient = new WeakMap<Client, Wires>()

/** By our own number of the channel; null where ssh2 has another shape. Looked at once for a connection. */
export function wiresOf(client: Client): Wires | null {
  const known = wiresByClient.get(client)
  if (known) return known
  const wires: Wires = new Map()
  if (!isPossible(insides(client)) || !divert(client, wires)) return null
  wiresByClient.set(client, wires)
  return wires
}

/** ssh2 has all that is used in its place. */
function isPossible({ _protocol: protocol, _chanMgr: channels }: Insides): boolean {
  const sends = [
    protocol?.channelData,
    protocol?.channelEOF,
    protocol?.channelClose,
    protocol?.channelWindowAdjust,
  ]
  const keeps = [channels?.get, channels?.update, channels?.remove]
  return [...sends, ...keeps].every((method) => typeof method === 'function')
}

/** Written out, and no `intercept`: this is passed by every packet. */
function divert(client: Client, wires: Wires): boolean {
  const handlers = insides(client)._protocol?._handlers as Record<string, Handler> | undefined
  const names = ['DATA', 'EXTENDED_DATA', 'WINDOW_ADJUST', 'EOF', 'CLOSE'].map((name) => `CHANNEL_${name}`)
  if (!handlers || names.some((name) => typeof handlers[name] !== 'function')) return false
  const [onData, onExtended, onAdjust, onEof, onClose] = names.map((name) => handlers[name]!) as Handler[]
  handlers.CHANNEL_DATA = (protocol, id, data: Buffer) => {
    const owner = wires.get(id)?.owner
    return owner ? owner.receiveData(data) : onData!(protocol, id, data as never)
  }
  handlers.CHANNEL_EXTENDED_DATA = (protocol, id, data: Buffer, type) => {
    const owner = wires.get(id)?.owner
    return owner ? owner.receiveExtendedData(data.length) : onExtended!(protocol, id, data as never, type)
  }
  handlers.CHANNEL_WINDOW_ADJUST = (protocol, id, bytes: number) => {
    const owner = wires.get(id)?.owner
    return owner ? owner.receiveWindowAdjust(bytes) : onAdjust!(protocol, id, bytes as never)
  }
  handlers.CHANNEL_EOF = (protocol, id) => {
    const owner = wires.get(id)?.owner
    return owner ? owner.receiveEof() : onEof!(protocol, id)
  }
  handlers.CHANNEL_CLOSE = (protocol, id) => {
    const owner = wires.get(id)?.owner
    if (!owner) return onClose!(protocol, id)
    wires.delete(id)
    // Its number is free for the next one, so ours goes out first.
    owner.receiveClose()
    insides(client)._chanMgr!.remove!(id)
  }
  return true
}
