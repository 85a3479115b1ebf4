// The client's side of SOCKS 5 (RFC 1928) for one CONNECT: the name travels as a name, so that it is
// resolved where the tunnel leaves, as `curl --socks5-hostname` does.

import { connect, type Socket } from 'node:net'

interface Endpoint {
  host: string
  port: number
}

/** A socket that the proxy has connected to `target`; the caller ends it. Rejects with the reply code in words. */
export async function connectThroughSocks(
  proxy: Endpoint,
  target: Endpoint,
  signal: AbortSignal,
): Promise<Socket> {
  const socket = connect({ ...proxy, noDelay: true, signal })
  try {
    await shakeHands(socket, target)
    return socket
  } catch (error) {
    socket.destroy()
    throw error
  }
}

async function shakeHands(socket: Socket, target: Endpoint): Promise<void> {
  socket.write(Buffer.from([5, 1, 0]))
  const [, method] = await read(socket, 2)
  if (method !== 0) throw new Error('The SOCKS proxy wants a password')
  socket.write(formatConnect(target))
  const [, reply] = await read(socket, 4 + 4 + 2)
  if (reply !== 0) throw new Error(`The SOCKS proxy answered ${reply} for ${target.host}:${target.port}`)
}

function formatConnect({ host, port }: Endpoint): Buffer {
  const name = Buffer.from(host)
  return Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 255])])
}

/** Reads exactly so many bytes; what follows them stays in the socket for whoever reads next. */
async function read(socket: Socket, length: number): Promise<Buffer> {
  let bytes = Buffer.alloc(0)
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    bytes = Buffer.concat([bytes, chunk as Buffer])
    if (bytes.length >= length) break
  }
  if (bytes.length < length) throw new Error('The SOCKS proxy hung up')
  if (bytes.length > length) socket.unshift(bytes.subarray(length))
  return bytes.subarray(0, length)
}
