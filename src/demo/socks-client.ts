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
  const read = readerOf(socket)
  socket.write(Buffer.from([5, 1, 0]))
  const [, method] = await read(2)
  if (method !== 0) throw new Error('The SOCKS proxy wants a password')
  socket.write(formatConnect(target))
  const [, reply] = await read(4 + 4 + 2)
  if (reply !== 0) throw new Error(`The SOCKS proxy answered ${reply} for ${target.host}:${target.port}`)
  return socket
}

function formatConnect({ host, port }: Endpoint): Buffer {
  const name = Buffer.from(host)
  return Buffer.concat([Buffer.from([5, 1, 0, 3, name.length]), name, Buffer.from([port >> 8, port & 255])])
}

/** Reads exactly so many bytes; what follows them stays in the socket for whoever reads next. */
function readerOf(socket: Socket): (length: number) => Promise<Buffer> {
  return async (length) => {
    for (;;) {
      const bytes = socket.read(length) as Buffer | null
      if (bytes?.length === length) return bytes
      if (socket.readableEnded || bytes) throw new Error('The SOCKS proxy hung up')
      await readableOrOver(socket)
    }
  }
}

function readableOrOver(socket: Socket): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: Error) => {
      socket.off('readable', onReadable).off('end', onReadable).off('error', settle).off('close', onClose)
      if (error) reject(error)
      else resolve()
    }
    const onReadable = () => settle()
    const onClose = () => settle(new Error('The SOCKS proxy hung up'))
    socket.once('readable', onReadable).once('end', onReadable).once('error', settle).once('close', onClose)
  })
}
