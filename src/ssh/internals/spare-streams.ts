// Channels that are opened without the two streams that ssh2 makes for each, because they are taken from it at once.

import type { Client } from 'ssh2'
import { wiresOf } from './divert.ts'
import { insides, intercept, readModule } from './insides.ts'
import { type ChannelSide, isWhole } from './take-channel.ts'

/**
 * Channels to targets are opened without the streams that ssh2 makes for them. To be called before anybody else looks at
 * what opens.
 */
export function spareStreams(client: Client): void {
  intercept(client, 'CHANNEL_OPEN_CONFIRMATION', ([, info], proceed) => {
    const { _chanMgr: channels } = insides(client)
    const opening = channels?.get?.((info as Confirmation).recipient) as Opening
    const isDirect = typeof opening === 'function' && DIRECT.includes(opening.type)
    if (!isDirect || !wiresOf(client)) return proceed()
    const channel = new BareChannel(info as Confirmation)
    if (!isWhole(channel.incoming) || !isWhole(channel.outgoing)) return proceed()
    channels!.update!(channel.incoming.id, channel)
    return opening(undefined, channel)
  })
}

/** RFC 4254 5.1. */
interface Confirmation {
  recipient: number
  sender: number
  window: number
  packetSize: number
}

/** What ssh2 calls when a channel is open. */
type Opening = ((error: undefined, channel: BareChannel) => void) & { type?: unknown }

/** In the place of ssh2's own, which is two streams that nobody would use: a seventh of what a connection cost. */
class BareChannel {
  readonly incoming: ChannelSide
  readonly outgoing: ChannelSide

  constructor({ recipient, sender, window, packetSize }: Confirmation) {
    this.incoming = { id: recipient, window: ANNOUNCED.window, packetSize: ANNOUNCED.packetSize }
    this.outgoing = { id: sender, window, packetSize }
  }
}

/** Of the channels of which `takeChannel` is called as soon as they are open. */
const DIRECT: unknown[] = ['direct-tcpip', 'direct-streamlocal@openssh.com']

/** What ssh2 says of a channel that it opens. */
const { MAX_WINDOW, PACKET_SIZE } = readModule('ssh2/lib/Channel.js')
const ANNOUNCED = { window: Number(MAX_WINDOW), packetSize: Number(PACKET_SIZE) }
