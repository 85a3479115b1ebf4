// Where ssh2 stands with its packets: what encrypts them, and what was read of them.

import type { Client } from 'ssh2'
import { insides, type PacketCipher } from './insides.ts'

/** What encrypts from now on; another one after each exchange of keys. */
export function cipherOf(client: Client): PacketCipher | null {
  const cipher = insides(client)._protocol?._cipher
  return typeof cipher?.allocPacket === 'function' ? (cipher as PacketCipher) : null
}

/** How far ssh2 has come with what was read. */
export interface ReadState {
  /** Another one after each exchange of keys. */
  decipher: object
  /** Since then; modulo 2 ** 32. */
  packets: number
  /** Of a packet of which the rest has not come yet. */
  partOfPacket: Uint8Array | null
}

/** Null where that cannot be known. */
export function readStateOf(client: Client): ReadState | null {
  const decipher = insides(client)._protocol?._decipher
  const { inSeqno: packets, _packet: part } = decipher ?? {}
  if (!decipher || typeof packets !== 'number' || !(part === null || part instanceof Uint8Array)) return null
  return { decipher, packets, partOfPacket: part }
}

/** Ends the debug output, which costs a formatted string a packet. */
export function silence(client: Client): void {
  const protocol = insides(client)._protocol
  if (protocol && '_debug' in protocol) protocol._debug = undefined
}
