// Public key requests in our own words: for keys that ssh2 does not know, and with the algorithm that we name.

import ssh2, { type Client, type ParsedKey } from 'ssh2'
import { blobString } from '../blob.ts'
import { insides, type Protocol, readModule } from './insides.ts'

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void

export interface OfferedKey {
  algorithm: string
  blob: Buffer
}

/**
 * Lets keys be offered that ssh2 does not know, and with the algorithm that we name: ssh2 takes SHA-256 first for RSA,
 * and SHA-1 when a server says nothing. What is returned makes the ParsedKey that stands for such a key in ssh2's hands;
 * its agent signs with the whole blob. Where ssh2 has another shape it makes none, and no key is offered.
 */
export function offerKeysOf(client: Client): (key: OfferedKey) => ParsedKey | null {
  const protocol = insides(client)._protocol
  const original = protocol?.authPK
  if (!protocol || typeof original !== 'function' || original.length < 4 || !SEND_PACKET) return () => null
  const offered = new WeakMap<object, OfferedKey>()
  protocol.authPK = (user, standIn, algorithm, sign) => {
    const key = offered.get(standIn as object)
    if (key) sendPublicKey(protocol, user, key, sign as Sign | undefined)
    else original.call(protocol, user, standIn, algorithm, sign)
  }
  return (key) => {
    if (!canSend(protocol)) return null
    const standIn = Object.create(STAND_IN) as ParsedKey
    offered.set(standIn, key)
    return standIn
  }
}

/** Any key that ssh2 can read: a private field tells it from what is none. */
const STAND_IN = ssh2.utils.parseKey(
  'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIAABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhscHR4f',
) as object

const SEND_PACKET = readModule('ssh2/lib/protocol/utils.js').sendPacket as
  | ((protocol: Protocol, packet: Buffer) => void)
  | undefined

const USERAUTH_REQUEST = 50

function canSend({ _packetRW: packets, _kex: kex, _authsQueue: queue }: Protocol): boolean {
  const { alloc, finalize } = packets?.write ?? {}
  const canWrite = typeof alloc === 'function' && typeof finalize === 'function'
  return canWrite && Buffer.isBuffer(kex?.sessionID) && Array.isArray(queue)
}

/** RFC 4252, section 7: without `sign` a question whether the key would do. */
function sendPublicKey(protocol: Protocol, user: string, key: OfferedKey, sign: Sign | undefined): void {
  const request = Buffer.concat([
    Buffer.of(USERAUTH_REQUEST),
    ...[user, 'ssh-connection', 'publickey'].map(blobString),
    Buffer.of(sign ? 1 : 0),
    blobString(key.algorithm),
    blobString(key.blob),
  ])
  const send = (payload: Buffer) => {
    const write = protocol._packetRW!.write!
    const packet = write.alloc(payload.length)
    packet.set(payload, write.allocStart)
    ;(protocol._authsQueue as string[]).push('publickey')
    SEND_PACKET!(protocol, write.finalize(packet))
  }
  if (!sign) return send(request)
  const session = blobString(protocol._kex!.sessionID as Buffer)
  sign(Buffer.concat([session, request]), (signature) =>
    send(Buffer.concat([request, blobString(signature)])),
  )
}
