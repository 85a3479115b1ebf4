// A server that has gone bad: it logs everybody in and then sends whatever a test makes it send, packet by packet
// (RFC 4253, 4254), over a real socket. What our side answers is counted by message.

import { createRequire } from 'node:module'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import ssh2 from 'ssh2'
import { type KeyPair, makeKeyPair } from '../../src/demo/key-pair.ts'
import type { WantedHost } from '../../src/model/wanted.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { startServer, type TestServer } from '../helpers/servers.ts'
import { plainHost } from './support.ts'

type Send = (protocol: Protocol, packet: Buffer) => void
const { sendPacket } = createRequire(import.meta.url)('ssh2/lib/protocol/utils.js') as { sendPacket: Send }

/** What ssh2 does not publish, and what a bad server needs. */
interface Protocol {
  _packetRW: {
    write: { allocStart: number; alloc(bytes: number): Buffer; finalize(packet: Buffer): Buffer }
  }
  _handlers: Record<string, ((...args: unknown[]) => unknown) | undefined>
  _hostKeys: Record<string, ssh2.ParsedKey>
  /** What comes; replaced, it is heard no more. */
  parse(chunk: Buffer, from: number, length: number): number
}

export interface Peer {
  connection: ssh2.Connection
  socket: Socket
  protocol: Protocol
  /** One packet: the message number and what follows it. */
  send(...payload: (number | Buffer)[]): void
  /** How often our side has sent this: `CHANNEL_OPEN_FAILURE`. */
  heard(message: string): number
}

export interface HostileServer {
  port: number
  key: KeyPair
  /** TCP connections, ever. */
  connections(): number
  host(change?: Partial<WantedHost>): WantedHost
  /** Of the latest that has logged in. */
  peer(): Promise<Peer>
}

export interface HostileOptions {
  /** Shows its own key, and signs with this one. */
  signsWith?: KeyPair
  banner?: string
  greeting?: string
  /** Absent: lets everybody in. */
  onAuthentication?: (attempt: ssh2.AuthContext, connection: ssh2.Connection) => void
  /** Absent: says yes. */
  onRequest?: (accept: (port?: number) => void, reject: () => void, name: string) => void
  /** Absent: refuses. */
  onTcpip?: (accept: () => ssh2.ServerChannel, reject: () => void) => void
}

export async function startHostileServer(options: HostileOptions = {}): Promise<HostileServer> {
  const key = makeKeyPair()
  const peers: Peer[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  let latest: Socket
  const { banner, greeting } = options
  const config = { hostKeys: [key.privateKey], ...(banner && { banner }), ...(greeting && { greeting }) }
  const ssh = new ssh2.Server(config, (connection) => {
    const socket = latest
    connection.on('error', () => {})
    connection.on('authentication', (attempt) =>
      options.onAuthentication ? options.onAuthentication(attempt, connection) : attempt.accept(),
    )
    connection.on('ready', () => peers.push(peerOf(connection, socket)))
    connection.on('request', (accept, reject, name) =>
      options.onRequest
        ? options.onRequest(accept as never, reject as never, name)
        : (accept as unknown as (port: number) => void)?.(4242),
    )
    connection.on('tcpip', (accept, reject) => (options.onTcpip ? options.onTcpip(accept, reject) : reject()))
    if (options.signsWith) forge(protocolOf(connection), options.signsWith)
  })
  const server = createServer({ noDelay: true }, (socket) => {
    connections++
    latest = socket
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
    ssh.injectSocket(socket)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const { port } = server.address() as AddressInfo
  return {
    port,
    key,
    connections: () => connections,
    host: (change) => plainHost(port, { hostKeys: [key.fingerprint], ...change }),
    peer: () => eventually(() => peers.at(-1)),
  }
}

function protocolOf(connection: ssh2.Connection): Protocol {
  return (connection as unknown as { _protocol: Protocol })._protocol
}

function forge({ _hostKeys }: Protocol, other: KeyPair): void {
  const key = ssh2.utils.parseKey(other.privateKey) as ssh2.ParsedKey
  for (const [name, shown] of Object.entries(_hostKeys))
    _hostKeys[name] = Object.create(shown, { sign: { value: (data: Buffer) => key.sign(data) } })
}

function peerOf(connection: ssh2.Connection, socket: Socket): Peer {
  const protocol = protocolOf(connection)
  const counts = new Map<string, number>()
  for (const message of [
    'CHANNEL_OPEN_FAILURE',
    'CHANNEL_OPEN_CONFIRMATION',
    'REQUEST_FAILURE',
    'CHANNEL_DATA',
  ])
    count(protocol, message, counts)
  return {
    connection,
    socket,
    protocol,
    send: senderTo(connection),
    heard: (message) => counts.get(message) ?? 0,
  }
}

/** See `Peer.send`; also before the login. */
export function senderTo(connection: ssh2.Connection): Peer['send'] {
  const protocol = protocolOf(connection)
  return (...payload) => {
    const bytes = Buffer.concat(payload.map((part) => (typeof part === 'number' ? Buffer.of(part) : part)))
    const { write } = protocol._packetRW
    const packet = write.alloc(bytes.length)
    bytes.copy(packet, write.allocStart)
    sendPacket(protocol, write.finalize(packet))
  }
}

function count({ _handlers }: Protocol, message: string, counts: Map<string, number>): void {
  const original = _handlers[message]
  _handlers[message] = (...args) => {
    counts.set(message, (counts.get(message) ?? 0) + 1)
    return original?.apply(_handlers, args)
  }
}

/** RFC 4251, section 5. */
export const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}
export const string = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text as string)
  return Buffer.concat([uint32(bytes.length), bytes])
}

/** RFC 4250, section 4.1.2. */
export const MSG = {
  DISCONNECT: 1,
  DEBUG: 4,
  USERAUTH_FAILURE: 51,
  USERAUTH_SUCCESS: 52,
  USERAUTH_BANNER: 53,
  GLOBAL_REQUEST: 80,
  REQUEST_SUCCESS: 81,
  CHANNEL_OPEN: 90,
  CHANNEL_OPEN_CONFIRMATION: 91,
  CHANNEL_OPEN_FAILURE: 92,
  CHANNEL_WINDOW_ADJUST: 93,
  CHANNEL_DATA: 94,
  CHANNEL_EXTENDED_DATA: 95,
  CHANNEL_EOF: 96,
  CHANNEL_CLOSE: 97,
  CHANNEL_REQUEST: 98,
} as const

let sender = 1_000

/** CHANNEL_OPEN of any kind (RFC 4254, section 5.1), from a sender of its own. */
export function channelOpen(type: string, ...specific: Buffer[]): Buffer[] {
  return [
    Buffer.of(MSG.CHANNEL_OPEN),
    string(type),
    uint32(sender++),
    uint32(2_097_152),
    uint32(32_768),
    ...specific,
  ]
}

export function forwardedTcpip(address: string, port: number, from = '127.0.0.1', fromPort = 5): Buffer[] {
  return channelOpen('forwarded-tcpip', string(address), uint32(port), string(from), uint32(fromPort))
}

/** Channels of every kind that nobody here ever asks for; `port` is one of this machine. */
export function strangeChannels(port: number): Buffer[][] {
  return [
    channelOpen('forwarded-streamlocal@openssh.com', string('/run/docker.sock'), string('')),
    channelOpen('forwarded-streamlocal@openssh.com', string('localhost:7000'), string('')),
    channelOpen('forwarded-streamlocal@openssh.com', string('constructor'), string('')),
    channelOpen('direct-tcpip', string('127.0.0.1'), uint32(port), string('127.0.0.1'), uint32(1)),
    channelOpen('direct-streamlocal@openssh.com', string('/run/docker.sock'), string(''), uint32(0)),
    channelOpen('session'),
    channelOpen('x11', string('127.0.0.1'), uint32(6000)),
    channelOpen('auth-agent@openssh.com'),
    channelOpen('tun@openssh.com', uint32(1), uint32(0)),
    channelOpen(NASTY),
  ]
}

/** Everything that would reach a terminal: ESC, OSC, C1, BEL, direction marks, a line of its own. */
export const NASTY = 'evil\x1b]0;owned\x07\x1b[2J\x9b31m\u202e\u0085\r\nforged: line\x00\x7f'

/** A server that greets, then says all of this in clear whatever it hears; `heard`: all that it was told. */
export async function startClearServer(
  payloads: readonly Buffer[],
): Promise<TestServer & { heard(): Buffer }> {
  const heard: Buffer[] = []
  const server = await startServer((socket) => {
    socket.on('data', (chunk: Buffer) => heard.push(chunk)).on('end', () => socket.end())
    socket.write('SSH-2.0-OpenSSH_9.2\r\n')
    for (const payload of payloads) socket.write(clearPacket(payload))
  })
  return { ...server, heard: () => Buffer.concat(heard) }
}

/** RFC 4253, section 6, without encryption. */
function clearPacket(payload: Buffer): Buffer {
  const padding = 16 - ((payload.length + 5) % 8)
  return Buffer.concat([
    uint32(payload.length + padding + 1),
    Buffer.of(padding),
    payload,
    Buffer.alloc(padding),
  ])
}

/** RFC 4253, section 7.1. */
export function kexInit(kex = 'curve25519-sha256'): Buffer {
  const lists = [
    kex,
    'ssh-ed25519',
    ...Array(2).fill('aes128-ctr'),
    ...Array(2).fill('hmac-sha2-256'),
    ...Array(2).fill('none'),
    '',
    '',
  ]
  return Buffer.concat([Buffer.of(20), Buffer.alloc(16), ...lists.map(string), Buffer.alloc(5)])
}
