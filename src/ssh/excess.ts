// What a server may not do to us, and ssh2 lets it: send more than a window, ask without reading our answers, take
// only crumbs, choose a group that is weak or endless to compute with. Each would cost memory or time without bound, in
// a process that serves other hosts, too, or what the connection is for.

import type { Client } from 'ssh2'
import { bitLength } from './blob.ts'
import { failOpening, incomingWindow } from './internals/channels.ts'
import { intercept } from './internals/insides.ts'
import { boundGroups, packetsHeldBack } from './internals/key-exchange.ts'

/** OpenSSH takes 32 KiB; below this a chunk becomes a storm of packets, and with 0 one without end. */
const SMALLEST_PACKET = 256

/** Answers that may wait behind a connection that is this full. */
const ANSWERS = 50_000
const FULL_BYTES = 1024 * 1024
const PACKET_BYTES = 64

/** RFC 4254 5.1. */
const RESOURCE_SHORTAGE = 4

/** To be called before the login. What is too much becomes an `error` of the client; its listener ends the connection. */
export function boundServer(client: Client, socket: { readonly writableLength: number }): void {
  boundWindows(client)
  boundAnswers(client, socket)
  refuseCrumbs(client)
  leaveHostKeys(client)
  refuseBadGroups(client)
}

/**
 * 2048: RFC 8270, section 3, and as much as group14 has. Node looks whether the prime is one, for each exchange, and
 * nothing else is done meanwhile: a quarter of a second for 2048 bits, three seconds for 4096, half a minute for 8192.
 */
const GROUP_BITS = { least: 2048, preferred: 2048, most: 4096 }

/** ssh2 takes any. */
function refuseBadGroups(client: Client): void {
  const { least, most } = GROUP_BITS
  boundGroups(client, GROUP_BITS, (prime) => {
    const bits = bitLength(prime)
    if (bits >= least && bits <= most) return
    throw new Error(
      `the server chose a Diffie-Hellman group of ${bits} bits, and ${least} to ${most} are taken`,
    )
  })
}

/** ssh2 counts the window, and goes on below zero. */
function boundWindows(client: Client): void {
  const check = ([, id, data]: unknown[], proceed: () => unknown) => {
    if ((data as Buffer).length <= incomingWindow(client, id)) return proceed()
    client.emit('error', new Error('the server sends more than it was allowed to'))
  }
  intercept(client, 'CHANNEL_DATA', check)
  intercept(client, 'CHANNEL_EXTENDED_DATA', check)
}

/** Each of these is answered at once, by something that waits in this process until the server reads. */
function boundAnswers(client: Client, socket: { readonly writableLength: number }): void {
  let waiting = 0
  const count = (_args: unknown[], proceed: () => unknown) => {
    const backlog = socket.writableLength + packetsHeldBack(client) * PACKET_BYTES
    waiting = backlog < FULL_BYTES ? 0 : waiting + 1
    if (waiting <= ANSWERS) return proceed()
    client.emit('error', new Error('the server asks and asks, and does not read the answers'))
  }
  for (const message of ['CHANNEL_OPEN', 'CHANNEL_REQUEST', 'GLOBAL_REQUEST'])
    intercept(client, message, count)
}

interface Answers {
  channelOpenFail(recipient: number, reason: number, description: string): void
  channelClose(recipient: number): void
  requestFailure(): void
}

interface ChannelInfo {
  recipient: number
  sender: number
  packetSize: number
}

function refuseCrumbs(client: Client): void {
  intercept(client, 'CHANNEL_OPEN', ([protocol, info], proceed) => {
    const { sender, packetSize } = info as ChannelInfo
    if (packetSize >= SMALLEST_PACKET) return proceed()
    ;(protocol as Answers).channelOpenFail(sender, RESOURCE_SHORTAGE, '')
  })
  intercept(client, 'CHANNEL_OPEN_CONFIRMATION', ([protocol, info], proceed) => {
    const { recipient, sender, packetSize } = info as ChannelInfo
    if (packetSize >= SMALLEST_PACKET) return proceed()
    failOpening(client, recipient, RESOURCE_SHORTAGE, `only packets of ${packetSize} bytes would be taken`)
    ;(protocol as Answers).channelClose(sender)
  })
}

/** ssh2 would have each key proven, and hold on to it until the server has; nobody here listens for the outcome. */
function leaveHostKeys(client: Client): void {
  intercept(client, 'GLOBAL_REQUEST', ([protocol, name, wantReply], proceed) => {
    if (name !== 'hostkeys-00@openssh.com') return proceed()
    if (wantReply) (protocol as Answers).requestFailure()
  })
}
