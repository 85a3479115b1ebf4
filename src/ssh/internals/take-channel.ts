// A channel taken out of ssh2's hands: its packets come to us, and ssh2 sends what we give it.

import type { Channel, Client } from 'ssh2'
import { wiresOf } from './divert.ts'
import { insides, type Protocol } from './insides.ts'

/** What the server says on a channel (RFC 4254 5.2, 5.3). */
export interface ChannelMessages {
  receiveData(chunk: Buffer): void
  receiveExtendedData(bytes: number): void
  receiveWindowAdjust(bytes: number): void
  receiveEof(): void
  receiveClose(): void
}

/** What we say on it. None of these throws when the connection has ended. */
export interface ChannelWire {
  owner: ChannelMessages | null
  /** Bytes that the server may send, and that we may, when it was opened. */
  readonly granted: number
  readonly allowed: number
  readonly packetSize: number
  sendData(chunk: Buffer): void
  sendWindowAdjust(bytes: number): void
  sendEof(): void
  sendClose(): void
  /** The server does what it may not: ends the connection. */
  fail(error: Error): void
}

/**
 * Takes a channel from ssh2, to be called in the moment when it is open: from then on its owner hears what the server
 * says on it, and ssh2 answers requests only. Null, and nothing is changed, where ssh2 has another shape.
 */
export function takeChannel(client: Client, channel: Channel): ChannelWire | null {
  const { _chanMgr: channels } = insides(client)
  const { incoming, outgoing } = channel as unknown as { incoming?: ChannelSide; outgoing?: ChannelSide }
  if (!isWhole(incoming) || !isWhole(outgoing) || channels?.get?.(incoming.id) !== channel) return null
  const wires = wiresOf(client)
  if (!wires) return null
  const wire = new Wire(client, incoming, outgoing)
  wires.set(incoming.id, wire)
  channels.update!(incoming.id, new Husk(outgoing.id))
  return wire
}

export interface ChannelSide {
  id: number
  window: number
  packetSize: number
}

export function isWhole(side: ChannelSide | undefined): side is ChannelSide {
  return [side?.id, side?.window, side?.packetSize].every(Number.isSafeInteger)
}

class Wire implements ChannelWire {
  owner: ChannelMessages | null = null
  readonly granted: number
  readonly allowed: number
  readonly packetSize: number
  readonly #client: Client
  readonly #id: number

  constructor(client: Client, incoming: ChannelSide, outgoing: ChannelSide) {
    this.#client = client
    this.#id = outgoing.id
    this.granted = incoming.window
    this.allowed = outgoing.window
    this.packetSize = outgoing.packetSize
  }

  sendData(chunk: Buffer): void {
    this.#send((protocol) => protocol.channelData!(this.#id, chunk))
  }

  sendWindowAdjust(bytes: number): void {
    this.#send((protocol) => protocol.channelWindowAdjust!(this.#id, bytes))
  }

  sendEof(): void {
    this.#send((protocol) => protocol.channelEOF!(this.#id))
  }

  sendClose(): void {
    this.#send((protocol) => protocol.channelClose!(this.#id))
  }

  fail(error: Error): void {
    this.#client.emit('error', error)
  }

  #send(action: (protocol: Protocol) => void): void {
    try {
      action(insides(this.#client)._protocol!)
    } catch {
      // ssh2 throws where the connection has just ended; whoever holds it hears of it.
    }
  }
}

/** What ssh2 finds in the place of a channel that is not its own any more: over, but able to refuse requests. */
class Husk {
  readonly incoming = { state: 'closed' }
  readonly outgoing: { id: number; state: string }
  readonly _exit: { code?: unknown } = {}
  readonly _callbacks: unknown[] = []

  constructor(id: number) {
    this.outgoing = { id, state: 'open' }
  }

  emit(): void {}
}
