// What ssh2 knows of a channel that is its own, or that is just being opened.

import type { Client } from 'ssh2'
import { insides } from './insides.ts'

/** How many bytes the server may still send on a channel; Infinity where that cannot be known. */
export function incomingWindow(client: Client, id: unknown): number {
  const channel = typeof id === 'number' ? insides(client)._chanMgr?.get?.(id) : undefined
  const incoming = (channel as { incoming?: { window?: unknown } } | undefined)?.incoming
  return typeof incoming?.window === 'number' ? incoming.window : Number.POSITIVE_INFINITY
}

/** As if the server had refused to open the channel (RFC 4254 5.1). */
export function failOpening(client: Client, id: number, reason: number, text: string): void {
  const fail = insides(client)._protocol?._handlers?.CHANNEL_OPEN_FAILURE as
    | ((...args: unknown[]) => unknown)
    | undefined
  fail?.(insides(client)._protocol, id, reason, text)
}
