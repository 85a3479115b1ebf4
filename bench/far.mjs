// @ts-check
// What lies beyond the tunnel, in a process of its own: a source, a sink and an echo on loopback. Says its ports to
// who forked it.

import { createServer } from 'node:net'

const BLOCK = Buffer.alloc(1 << 18, 'x')

/** Sends as many bytes as the first line asks for; without a number it goes on until the client has gone. */
function source(/** @type {import('node:net').Socket} */ socket) {
  socket.once('data', (line) => {
    let left = Number(line.toString()) || Number.POSITIVE_INFINITY
    const more = () => {
      while (left > 0) {
        const block = left < BLOCK.length ? BLOCK.subarray(0, left) : BLOCK
        left -= block.length
        if (!socket.write(block)) return
      }
      socket.end()
    }
    socket.on('drain', more)
    more()
  })
}

/** Says at the end how many bytes it had. */
function sink(/** @type {import('node:net').Socket} */ socket) {
  let bytes = 0
  socket.on('data', (chunk) => {
    bytes += chunk.length
  })
  socket.on('end', () => socket.end(String(bytes)))
}

function echo(/** @type {import('node:net').Socket} */ socket) {
  socket.on('data', (chunk) => socket.write(chunk))
  socket.on('end', () => socket.end())
}

/**
 * @param {(socket: import('node:net').Socket) => void} onConnection
 * @returns {Promise<number>}
 */
function serve(onConnection) {
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    socket.on('error', () => socket.destroy())
    onConnection(socket)
  })
  return new Promise((resolve) => {
    server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => {
      resolve(/** @type {import('node:net').AddressInfo} */ (server.address()).port)
    })
  })
}

process.on('disconnect', () => process.exit())
process.send?.({ source: await serve(source), sink: await serve(sink), echo: await serve(echo) })
