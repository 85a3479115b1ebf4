// The only place that touches what ssh2 1.17.0 does not publish. Each access checks the shape it relies on and
// has a fallback, so that another version costs precision, never correctness.

import { createRequire } from 'node:module'
import ssh2, { type Channel, type Client, type ParsedKey } from 'ssh2'
import { blobString } from './blob.ts'

export interface SupportedAlgorithms {
  kex: string[]
  serverHostKey: string[]
  cipher: string[]
  hmac: string[]
}

type AuthFailure = (methods: string[], partialSuccess: boolean) => void
type AuthPublicKey = (user: string, key: unknown, algorithm?: unknown, sign?: unknown) => void

type Sign = (data: Buffer, done: (signature: Buffer) => void) => void

interface PacketWriter {
  allocStart: number
  alloc(bytes: number): Buffer
  finalize(packet: Buffer): Buffer
}

export interface PacketCipher {
  /** Memory for a packet with a payload of so many bytes, complete but for that. */
  allocPacket(payloadBytes: number): Buffer
}

interface Exchange {
  sessionID?: unknown
  _sig?: unknown
  setDHParams?: (prime: unknown, generator: unknown) => void
}

interface Protocol {
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

interface Insides {
  _protocol?: Protocol
  _callbacks?: unknown[]
  _chanMgr?: {
    get?: (id: number) => unknown
    update?: (id: number, value: unknown) => void
    remove?: (id: number) => void
  }
}

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

/** What this ssh2 can do here (it depends on Node's OpenSSL), best first; `defaults` leaves out the old ones. */
export function algorithmsOfSsh2(): { supported: SupportedAlgorithms; defaults: SupportedAlgorithms } {
  const constants = readModule('ssh2/lib/protocol/constants.js')
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

/**
 * Takes a channel from ssh2, to be called in the moment when it is open: from then on its owner hears what the server
 * says on it, and ssh2 answers requests only. Null, and nothing is changed, where ssh2 has another shape.
 */
export function takeChannel(client: Client, channel: Channel): ChannelWire | null {
  const { _protocol: protocol, _chanMgr: channels } = insides(client)
  const { incoming, outgoing } = channel as unknown as { incoming?: ChannelSide; outgoing?: ChannelSide }
  if (!isWhole(incoming) || !isWhole(outgoing) || !protocol || !channels) return null
  if (!isPossible(protocol, channels)) return null
  if (channels.get!(incoming.id) !== channel) return null
  const wires = wiresOf(client)
  if (!wires) return null
  const wire = new Wire(client, incoming, outgoing)
  wires.set(incoming.id, wire)
  channels.update!(incoming.id, new Husk(outgoing.id))
  return wire
}

function isPossible(protocol: Protocol, channels: NonNullable<Insides['_chanMgr']>): boolean {
  const { channelData, channelEOF, channelClose, channelWindowAdjust } = protocol
  const { get, update, remove } = channels
  const methods = [channelData, channelEOF, channelClose, channelWindowAdjust, get, update, remove]
  return methods.every((method) => typeof method === 'function')
}

interface ChannelSide {
  id: number
  window: number
  packetSize: number
}

function isWhole(side: ChannelSide | undefined): side is ChannelSide {
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

/** RFC 4254 5.1. */
interface Confirmation {
  recipient: number
  sender: number
  window: number
  packetSize: number
}

/** What ssh2 calls when a channel is open. */
type Opening = ((error: undefined, channel: BareChannel) => void) & { type?: unknown }

/** In the place of ssh2's own, which is two streams that nobody would use: a fifth of what a connection cost. */
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

/**
 * Channels to targets are opened without the streams that ssh2 makes for them. To be called before anybody else looks at
 * what opens.
 */
export function spareStreams(client: Client): void {
  intercept(client, 'CHANNEL_OPEN_CONFIRMATION', ([, info], proceed) => {
    const { _protocol: protocol, _chanMgr: channels } = insides(client)
    const opening = channels?.get?.((info as Confirmation).recipient) as Opening
    const isDirect = typeof opening === 'function' && DIRECT.includes(opening.type)
    if (!isDirect || !protocol || !channels || !isPossible(protocol, channels)) return proceed()
    const channel = new BareChannel(info as Confirmation)
    if (!isWhole(channel.incoming) || !isWhole(channel.outgoing) || !wiresOf(client)) return proceed()
    channels.update!(channel.incoming.id, channel)
    return opening(undefined, channel)
  })
}

type Wires = Map<number, ChannelWire>
type Handler = (protocol: unknown, id: number, ...rest: never[]) => unknown

const wiresByClient = new WeakMap<Client, Wires>()

function wiresOf(client: Client): Wires | null {
  const known = wiresByClient.get(client)
  if (known) return known
  const wires: Wires = new Map()
  if (!divert(client, wires)) return null
  wiresByClient.set(client, wires)
  return wires
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

/** While keys are exchanged ssh2 sends nothing else. */
export function isExchangingKeys(client: Client): boolean {
  return insides(client)._protocol?._kexinit !== undefined
}

/** How many packets wait for that. */
export function packetsHeldBack(client: Client): number {
  const queue = insides(client)._protocol?._queue
  return Array.isArray(queue) ? queue.length : 0
}

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

function readModule(name: string): Record<string, unknown> {
  try {
    return createRequire(import.meta.url)(name) as Record<string, unknown>
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
