// What ssh2 1.17.0 does not publish, by the shape that we rely on. This folder is the only place that touches it; each
// access looks whether it is there and has a fallback, so that another version costs precision, never correctness.

import { createRequire } from 'node:module'
import type { Client } from 'ssh2'

/** All of it may be missing in another version. */
export interface Insides {
  _protocol?: Protocol
  _callbacks?: unknown[]
  _chanMgr?: {
    get?: (id: number) => unknown
    update?: (id: number, value: unknown) => void
    remove?: (id: number) => void
  }
}

export interface Protocol {
  ping?: () => void
  authPK?: AuthPublicKey
  _packetRW?: { write?: PacketWriter }
  _cipher?: Partial<PacketCipher>
  _decipher?: { inSeqno?: unknown; _packet?: unknown }
  _kex?: Exchange | undefined
  _authsQueue?: unknown
  _handlers?: Record<string, ((...args: never[]) => unknown) | undefined>
  _debug?: unknown
  _kexinit?: unknown
  _queue?: unknown
  channelData?: (id: number, data: Buffer) => void
  channelEOF?: (id: number) => void
  channelClose?: (id: number) => void
  channelWindowAdjust?: (id: number, bytes: number) => void
}

export interface Exchange {
  sessionID?: unknown
  _sig?: unknown
  setDHParams?: (prime: unknown, generator: unknown) => void
}

export type AuthPublicKey = (user: string, key: unknown, algorithm?: unknown, sign?: unknown) => void

interface PacketWriter {
  allocStart: number
  alloc(bytes: number): Buffer
  finalize(packet: Buffer): Buffer
}

export interface PacketCipher {
  /** Memory for a packet with a payload of so many bytes, complete but for that. */
  allocPacket(payloadBytes: number): Buffer
}

export function insides(client: Client): Insides {
  return client as unknown as Insides
}

/**
 * Puts `around` before ssh2's own handler of a message of the server (RFC 4250 4.1.2, without SSH_MSG_): it gets what
 * that gets, and calls it or not. Where ssh2 has another shape it is never called.
 */
export function intercept(
  client: Client,
  message: string,
  around: (args: unknown[], proceed: () => unknown) => unknown,
): void {
  const handlers = insides(client)._protocol?._handlers
  const original = handlers?.[message] as ((...args: unknown[]) => unknown) | undefined
  if (!handlers || typeof original !== 'function') return
  handlers[message] = (...args: unknown[]) => around(args, () => original.apply(handlers, args))
}

/** A module of ssh2 that it does not export by name; empty where it is not there. */
export function readModule(name: string): Record<string, unknown> {
  try {
    return createRequire(import.meta.url)(name) as Record<string, unknown>
  } catch {
    return {}
  }
}

/** A copy; null where it is no list of words. */
export function listOf(value: unknown): string[] | null {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return null
  return [...(value as string[])]
}
