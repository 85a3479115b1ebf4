// A small SSH server on loopback that does what `ssh -N` needs and no more: one user, one public key,
// direct-tcpip and tcpip-forward (RFC 4254, 7). No shell, no exec, no files; sshd(8) is not needed.

import { timingSafeEqual } from 'node:crypto'
import { once, setMaxListeners } from 'node:events'
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net'
import ssh2 from 'ssh2'
import { joinChannel } from './join-channel.ts'
import type { KeyPair } from './key-pair.ts'
import { openRemoteListeners } from './remote-listeners.ts'

export interface SshServerOptions {
  hostKey: KeyPair
  user: string
  /** The one line of authorized_keys. */
  authorizedKey: string
  /** Where a name and port that a client asks for really is; null refuses. The server's own DNS and PermitOpen. */
  reach: (host: string, port: number) => { host: string; port: number } | null
}

export interface SshServer {
  port: number
  /** Logins so far, and how many of them are still connected. */
  logins(): number
  connections(): number
  /** Cuts what is open; resolves when the port is free. */
  stop(): Promise<void>
}

/** Listens on a free port of 127.0.0.1. */
export async function startSshServer(options: SshServerOptions): Promise<SshServer> {
  const open = new Set<Socket>()
  let logins = 0
  const ssh = new ssh2.Server({ hostKeys: [options.hostKey.privateKey] }, (client) => {
    client.on('ready', () => logins++)
    serveClient(client, options)
  })
  const server = createServer({ noDelay: true }, (socket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    ssh.injectSocket(socket)
  })
  await listen(server)
  return {
    port: (server.address() as AddressInfo).port,
    logins: () => logins,
    connections: () => open.size,
    stop: () => stop(server, open),
  }
}

async function listen(server: Server): Promise<void> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
}

async function stop(server: Server, open: ReadonlySet<Socket>): Promise<void> {
  const closed = once(server, 'close')
  server.close()
  for (const socket of open) socket.destroy()
  await closed
}

function serveClient(client: ssh2.Connection, options: SshServerOptions): void {
  const gone = new AbortController()
  setMaxListeners(0, gone.signal)
  client.once('close', () => gone.abort())
  // What goes wrong ends in 'close'; an 'error' without a listener would end the process.
  client.on('error', () => {})
  client.on('authentication', (attempt) => authenticate(attempt, options))
  client.on('tcpip', (accept, reject, info) => {
    dial(options.reach(info.destIP, info.destPort), accept, reject, gone.signal)
  })
  openRemoteListeners(client, gone.signal)
}

function authenticate(attempt: ssh2.AuthContext, options: SshServerOptions): void {
  if (attempt.username === options.user && holdsKey(attempt, options.authorizedKey)) attempt.accept()
  else attempt.reject(['publickey'])
}

function holdsKey(attempt: ssh2.AuthContext, authorizedKey: string): boolean {
  const key = ssh2.utils.parseKey(authorizedKey)
  if (key instanceof Error || attempt.method !== 'publickey') return false
  if (!sameBytes(key.getPublicSSH(), attempt.key.data)) return false
  // Without a signature the client only asks whether this key would do.
  if (!attempt.signature) return true
  return key.verify(attempt.blob ?? '', attempt.signature, attempt.hashAlgo) === true
}

function sameBytes(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

function dial(
  target: { host: string; port: number } | null,
  accept: ssh2.AcceptConnection<ssh2.ServerChannel>,
  reject: ssh2.RejectConnection,
  signal: AbortSignal,
): void {
  if (!target) {
    reject()
    return
  }
  const socket = connect({ ...target, noDelay: true, allowHalfOpen: true, signal })
  socket.once('error', reject)
  socket.once('connect', () => {
    socket.off('error', reject)
    joinChannel(accept(), socket)
  })
}
