// Bytes to send through a tunnel, and a client for every way in: what is asserted is always what arrived.

import { createCipheriv, createHash } from 'node:crypto'
import { connect, type NetConnectOpts, type Socket } from 'node:net'
import { SocksClient } from 'socks'
import type { Destination } from '../helpers/clients.ts'

/** The same for the same `seed`, different for another, and nothing that compression could make small. */
export function someBytes(length: number, seed = 1): Buffer {
  const key = createHash('sha256').update(`bytes ${seed}`).digest()
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(length))
}

export function sha256(...parts: Buffer[]): string {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest('hex')
}

/** Connects with half-open allowed; its errors are for whoever listens, and never thrown. */
export async function open(to: Destination): Promise<Socket> {
  const options = typeof to === 'number' ? { host: '127.0.0.1', port: to } : to
  const where = typeof options === 'string' ? { path: options } : options
  const socket = connect({ ...where, allowHalfOpen: true } as NetConnectOpts)
  await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject))
  return socket.on('error', () => {})
}

/** A connection to `destination` through the SOCKS server on `port`, by the npm package that others use. */
export async function openBySocks(
  port: number,
  version: 4 | 5,
  destination: { host: string; port: number },
): Promise<Socket> {
  const socket = await open(port)
  const proxy = { host: '127.0.0.1', port, type: version }
  await SocksClient.createConnection({ proxy, command: 'connect', destination, existing_socket: socket })
  return socket
}

/** Sends `content`, then FIN, and resolves with all that came back before the other side's; rejects with Node's error. */
export async function converse(socket: Socket, content: string | Buffer = ''): Promise<Buffer> {
  const said = heard(socket)
  socket.end(content)
  return said
}

/** All that comes until the other side's FIN; rejects with Node's error, ECONNRESET for one. */
export function heard(socket: Socket): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    socket.on('data', (chunk: Buffer) => chunks.push(chunk))
    socket.once('end', () => {
      if (!socket.writable) return resolve(Buffer.concat(chunks))
      // libuv tells a RST right behind unread data as an end. The kernel knows better, and tells the next write.
      socket.write('', (error) => (error ? reject(error) : resolve(Buffer.concat(chunks))))
    })
    socket.once('error', reject)
    socket.once('close', () => reject(new Error('closed without an end')))
  })
}
