// Joins a channel of the demo's server with a socket. On the server's side ssh2 makes a full close of every
// end(), so the half-close that clients rely on is kept here by sending EOF alone.

import type { Socket } from 'node:net'
import type { ServerChannel } from 'ssh2'

/** Both end together; the socket must allow half-open. Closes both. */
export function joinChannel(channel: ServerChannel, socket: Socket): void {
  let openDirections = 2
  const endDirection = () => {
    openDirections -= 1
    if (openDirections === 0) channel.end()
  }
  socket.pipe(channel, { end: false })
  socket.once('end', () => {
    // The empty write comes back when everything before it has been sent.
    channel.write('', () => {
      channel.eof()
      endDirection()
    })
  })
  channel.pipe(socket)
  socket.once('finish', endDirection)
  socket.once('error', () => channel.close())
  channel.on('error', () => socket.destroy())
  channel.once('close', () => {
    if (openDirections > 0) socket.destroy()
  })
}
