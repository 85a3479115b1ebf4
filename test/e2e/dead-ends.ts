// Places on this machine where nobody answers as they should, for the tests of failure: a port that swallows
// every SYN, as a firewall that drops does.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { atEnd } from '../helpers/cleanup.ts'

/** On Linux a listener whose queue is full answers no SYN; filled here, in front of a process that never accepts. */
export async function startBlackhole(): Promise<number> {
  const child = spawn('/usr/bin/python3', ['-c', listener], { stdio: ['ignore', 'pipe', 'inherit'] })
  atEnd(() => void child.kill('SIGKILL'))
  const [said] = (await once(child.stdout.setEncoding('utf8'), 'data')) as [string]
  const port = Number(said)
  const fillers: Socket[] = []
  atEnd(() => {
    for (const socket of fillers) socket.destroy()
  })
  while (await fills(port, fillers));
  return port
}

const listener = `
import signal, socket
s = socket.socket()
s.bind(("127.0.0.1", 0))
s.listen(0)
print(s.getsockname()[1], flush=True)
signal.pause()
`

/** False when the connection hangs: full. A SYN that is not answered on loopback within this time never is. */
function fills(port: number, fillers: Socket[]): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1')
    fillers.push(socket)
    const timer = setTimeout(() => resolve(false), 500)
    socket.on('connect', () => {
      clearTimeout(timer)
      resolve(true)
    })
    socket.on('error', reject)
  })
}
