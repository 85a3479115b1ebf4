// The exchange of keys: which groups it may use, what it proves, and whether one is under way.

import type { Client } from 'ssh2'
import { type Exchange, insides } from './insides.ts'

/** Sizes in bits of what is asked for, and taken, in RFC 4419, section 3. */
export interface GroupSizes {
  least: number
  preferred: number
  most: number
}

/**
 * Asks for groups of these sizes in a key exchange (RFC 4419), and calls `check` with the prime (big-endian) of each that
 * the server chooses, before anything is computed with it; what it throws becomes an error of the client.
 */
export function boundGroups(client: Client, sizes: GroupSizes, check: (prime: Buffer) => void): void {
  const protocol = insides(client)._protocol
  if (!protocol || !Object.hasOwn(protocol, '_kex')) return
  let current = protocol._kex
  const set = (exchange: Exchange | undefined) => {
    current = exchange
    const take = exchange?.setDHParams
    if (!exchange || typeof take !== 'function') return
    if ('_prefBits' in exchange)
      Object.assign(exchange, { _minBits: sizes.least, _prefBits: sizes.preferred, _maxBits: sizes.most })
    exchange.setDHParams = (prime, generator) => {
      if (Buffer.isBuffer(prime)) check(prime)
      take.call(exchange, prime, generator)
    }
  }
  Object.defineProperty(protocol, '_kex', { configurable: true, enumerable: true, get: () => current, set })
}

/** That whoever holds the host key has signed the session: what an agent is shown (PROTOCOL.agent of OpenSSH, 1). */
export interface SessionProof {
  hostKey: Buffer
  sessionId: Buffer
  signature: Buffer
}

/**
 * To be called when the server shows its first host key, which it has signed the exchange with: what is returned, when that
 * signature was found to be right, which makes the exchange the session. Later ones sign something else. Null where ssh2 has
 * another shape.
 */
export function watchProof(client: Client, shown: Buffer): () => SessionProof | null {
  const hostKey = Buffer.from(shown)
  const { _sig: signed } = insides(client)._protocol?._kex ?? {}
  const signature = Buffer.isBuffer(signed) ? Buffer.from(signed) : null
  return () => {
    const sessionId = insides(client)._protocol?._kex?.sessionID
    if (signature === null || !Buffer.isBuffer(sessionId)) return null
    return { hostKey, sessionId: Buffer.from(sessionId), signature }
  }
}

/** While keys are exchanged ssh2 sends nothing else. */
export function isExchangingKeys(client: Client): boolean {
  return insides(client)._protocol?._kexinit !== undefined
}

/** How many packets wait for that. */
export function packetsHeldBack(client: Client): number {
  const queue = insides(client)._protocol?._queue
  return Array.isArray(queue) ? queue.length : 0
}
