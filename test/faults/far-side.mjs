// What stands at the far end of the fault lab's wire: `echo`, a service that says what it hears; `silent`, one that
// takes connections and says nothing; `stall`, one that says its SSH version and no more. Prints its port.

import { createServer } from 'node:net'

const [, , kind, host = '127.0.0.1', port = '0'] = process.argv

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => {})
  if (kind === 'echo') socket.pipe(socket)
  else socket.resume()
  if (kind === 'stall') socket.write('SSH-2.0-OpenSSH_9.2\r\n')
})

server.listen({ host, port: Number(port) }, () => {
  process.stdout.write(`${server.address().port}\n`)
})
