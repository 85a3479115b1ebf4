// The only place that touches what ssh2 1.17.0 does not publish. Each access checks the shape it relies on and
// has a fallback, so that another version costs precision, never correctness.

import { createRequire } from 'node:module'
import type { Client } from 'ssh2'

export interface SupportedAlgorithms {
  kex: string[]
  serverHostKey: string[]
  cipher: string[]
  hmac: string[]
}

type AuthFailure = (methods: string[], partialSuccess: boolean) => void
type AuthPublicKey = (user: string, key: unknown, algorithm?: unknown, sign?: unknown) => void

interface Protocol {
  ping?: () => void
  authPK?: AuthPublicKey
  _handlers?: Record<string, ((...args: never[]) => unknown) | undefined>
  _debug?: unknown
  _kexinit?: unknown
  _queue?: unknown
}

interface Insides {
  _protocol?: Protocol
  _callbacks?: unknown[]
  _chanMgr?: { get?: (id: number) => unknown }
}

/** What this ssh2 can do here (it depends on Node's OpenSSL), best first; `defaults` leaves out the old ones. */
export function algorithmsOfSsh2(): { supported: SupportedAlgorithms; defaults: SupportedAlgorithms } {
  const constants = readConstants()
  const lists = (prefix: string): SupportedAlgorithms => ({
    kex: listOf(constants[`${prefix}_KEX`]) ?? FALLBACK.kex,
    serverHostKey: listOf(constants[`${prefix}_SERVER_HOST_KEY`]) ?? FALLBACK.serverHostKey,
    cipher: listOf(constants[`${prefix}_CIPHER`]) ?? FALLBACK.cipher,
    hmac: listOf(constants[`${prefix}_MAC`]) ?? FALLBACK.hmac,
  })
  return { supported: lists('SUPPORTED'), defaults: lists('DEFAULT') }
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

/** Calls `onFailure` for every USERAUTH_FAILURE (RFC 4252 5.1); ssh2 itself passes only some on. */
export function watchAuthFailures(client: Client, onFailure: AuthFailure): void {
  intercept(client, 'USERAUTH_FAILURE', (args, proceed) => {
    const [, methods, partial] = args
    if (Array.isArray(methods)) onFailure(methods as string[], partial === true)
    return proceed()
  })
}

/** Calls `onAlgorithms` with the signature algorithms that the server says it takes (RFC 8308 3.1). */
export function watchServerSigAlgs(client: Client, onAlgorithms: (algorithms: string[]) => void): void {
  intercept(client, 'EXT_INFO', (args, proceed) => {
    const extensions = Array.isArray(args[1]) ? (args[1] as { name?: unknown; algs?: unknown }[]) : []
    const algorithms = listOf(extensions.find(({ name }) => name === 'server-sig-algs')?.algs)
    if (algorithms) onAlgorithms(algorithms)
    return proceed()
  })
}

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

/** While keys are exchanged ssh2 sends nothing else. */
export function isExchangingKeys(client: Client): boolean {
  return insides(client)._protocol?._kexinit !== undefined
}

/** How many packets wait for that. */
export function packetsHeldBack(client: Client): number {
  const queue = insides(client)._protocol?._queue
  return Array.isArray(queue) ? queue.length : 0
}

/**
 * Lets `choose` name the algorithm for an RSA key: ssh2 takes SHA-256 first, and SHA-1 when a server says nothing.
 * Where ssh2 has another shape its own choice stays: RSA keys may then be refused by the server, others work.
 */
export function chooseRsaAlgorithm(client: Client, choose: () => string): void {
  const protocol = insides(client)._protocol
  const original = protocol?.authPK
  if (!protocol || typeof original !== 'function' || original.length < 4) return
  protocol.authPK = (user, key, algorithm, sign) => {
    const isRsa = (key as { type?: unknown } | null)?.type === 'ssh-rsa'
    original.call(protocol, user, key, isRsa ? choose() : algorithm, sign)
  }
}

/** Ends the debug output, which costs a formatted string a packet. */
export function silence(client: Client): void {
  const protocol = insides(client)._protocol
  if (protocol && '_debug' in protocol) protocol._debug = undefined
}

/**
 * Asks the server something that it has to answer (either answer is a sign of life), and calls back when it does.
 * Throws when the connection has ended.
 */
export function ping(client: Client, onAnswer: () => void): void {
  const { _protocol: protocol, _callbacks: callbacks } = insides(client)
  if (protocol && typeof protocol.ping === 'function' && Array.isArray(callbacks)) {
    // Replies come in the order of the requests (RFC 4254 4), and ssh2 keeps one callback for each.
    callbacks.push(onAnswer)
    protocol.ping()
    return
  }
  client.unforwardIn('localhost', 0, onAnswer)
}

function insides(client: Client): Insides {
  return client as unknown as Insides
}

function readConstants(): Record<string, unknown> {
  try {
    return createRequire(import.meta.url)('ssh2/lib/protocol/constants.js') as Record<string, unknown>
  } catch {
    return {}
  }
}

function listOf(value: unknown): string[] | null {
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) return null
  return [...(value as string[])]
}

const FALLBACK: SupportedAlgorithms = {
  kex: [
    'curve25519-sha256@libssh.org',
    'curve25519-sha256',
    'ecdh-sha2-nistp256',
    'ecdh-sha2-nistp384',
    'ecdh-sha2-nistp521',
    'diffie-hellman-group-exchange-sha256',
    'diffie-hellman-group14-sha256',
    'diffie-hellman-group16-sha512',
    'diffie-hellman-group18-sha512',
  ],
  serverHostKey: [
    'ssh-ed25519',
    'ecdsa-sha2-nistp256',
    'ecdsa-sha2-nistp384',
    'ecdsa-sha2-nistp521',
    'rsa-sha2-512',
    'rsa-sha2-256',
  ],
  cipher: ['aes128-gcm@openssh.com', 'aes256-gcm@openssh.com', 'aes128-ctr', 'aes192-ctr', 'aes256-ctr'],
  hmac: ['hmac-sha2-256-etm@openssh.com', 'hmac-sha2-512-etm@openssh.com', 'hmac-sha2-256', 'hmac-sha2-512'],
}
