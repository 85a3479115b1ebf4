// What the signals mean to a supervisor in the background: nobody looks at its exit code, so what counts is what
// becomes of the connections. In the foreground: test/e2e/up-and-down.test.ts.

import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { beforeEach, expect, onTestFinished, test } from 'vitest'
import { type CliProject, hostYaml, project } from '../helpers/cli.ts'
import { eventually } from '../helpers/eventually.ts'
import { canListen, freePort } from '../helpers/ports.ts'
import { isAlive } from '../helpers/processes.ts'
import { isFull } from '../helpers/sample.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'

let cli: CliProject
let port: number
let pid: number
let yaml: (port: number) => string

beforeEach(async () => {
  const [sshd, echo] = await Promise.all([startSshd(), startEcho()])
  port = await freePort()
  yaml = (local) =>
    `hosts:\n  acme: ${hostYaml(sshd)}\nforwards:\n  echo: -L ${local}:127.0.0.1:${echo.port} acme\n`
  cli = project({ 'tunnels.yaml': yaml(port) })
  await cli.up(['--no-watch'])
  pid = (await cli.status()).supervisor.pid
})

/** A connection that is known to be carried. */
async function held(): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }).on('error', () => {})
  onTestFinished(() => void socket.destroy())
  socket.write('a')
  await once(socket, 'data')
  return socket
}

/** How the connection ends. */
function ending(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    socket.once('end', () => resolve('end'))
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
}

test('SIGHUP reads the file again, and a broken one changes nothing', async () => {
  const socket = await held()
  const next = await freePort()
  cli.write('tunnels.yaml', 'forwards: [\n')
  process.kill(pid, 'SIGHUP')
  await eventually(async () => (await cli.status()).config.state === 'invalid')
  cli.write('tunnels.yaml', yaml(next))
  process.kill(pid, 'SIGHUP')
  await eventually(async () => (await cli.status()).forwards[0]?.listen.includes(`127.0.0.1:${next}`))
  expect((await cli.status()).supervisor.pid).toBe(pid)
  socket.end('b')
  expect(await text(socket)).toBe('b')
})

test('SIGTERM frees the ports at once and lets what is open finish', async () => {
  const socket = await held()
  process.kill(pid, 'SIGTERM')
  await eventually(() => canListen('127.0.0.1', port))
  socket.end('last words')
  expect(await text(socket)).toBe('last words')
  await eventually(() => !isAlive(pid))
  expect((await cli.run(['status'])).code).toBe(3)
})

// An end would look to the client as if it had got everything.
test('SIGINT resets, and so does a second signal while SIGTERM drains', async () => {
  const first = await held()
  const firstEnding = ending(first)
  process.kill(pid, 'SIGINT')
  expect(await firstEnding).toBe('ECONNRESET')
  await eventually(() => !isAlive(pid))

  await cli.up()
  pid = (await cli.status()).supervisor.pid
  const second = await held()
  const secondEnding = ending(second)
  process.kill(pid, 'SIGTERM')
  await eventually(() => canListen('127.0.0.1', port))
  process.kill(pid, 'SIGTERM')
  expect(await secondEnding).toBe('ECONNRESET')
  await eventually(() => !isAlive(pid))
})

test.skipIf(!isFull)('SIGTERM drains for 25 seconds at most', async () => {
  const how = ending(await held())
  process.kill(pid, 'SIGTERM')
  expect(await how).toBe('ECONNRESET')
  await eventually(() => !isAlive(pid))
})
