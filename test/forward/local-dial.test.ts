import { writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { describe, expect, it } from 'vitest'
import { dialFromHere, dialLocal } from '../../src/forward/local-dial.ts'
import type { DialTarget } from '../../src/model/address.ts'
import { problemOf } from '../../src/model/problem.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { testFolder } from '../helpers/folder.ts'
import { startEcho, startServer } from '../helpers/servers.ts'

const nobody = { address: null, port: 0 }
const never = () => new AbortController().signal
const tcp = (host: string, port: number): DialTarget => ({ kind: 'tcp', host, port })

async function ask(target: DialTarget): Promise<string> {
  const { stream } = await dialLocal(target, nobody, never())
  stream.end('hello')
  let answer = ''
  for await (const chunk of stream) answer += chunk
  return answer
}

async function codeOf(target: DialTarget): Promise<string> {
  const connection = await dialLocal(target, nobody, never()).catch((error: unknown) => problemOf(error))
  if ('code' in connection) return connection.code
  connection.abort()
  return 'reached'
}

/** A port on which nobody listens for as long as the test runs. */
async function closedPort(): Promise<number> {
  const server: Server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('what can be reached', () => {
  it.each(['127.0.0.1', '::1'])('localhost, also when only %s listens', async (host) => {
    const { port } = await startEcho({ host })
    expect(await ask(tcp('localhost', port))).toBe('hello')
    expect(await ask(tcp(host, port))).toBe('hello')
  })

  it('a Unix socket', async () => {
    const path = testFolder().join('s')
    await startEcho({ path })
    expect(await ask({ kind: 'unix', path })).toBe('hello')
  })

  it('what the target says first waits for whoever reads', async () => {
    const { port } = await startServer((socket) => void socket.end('220 hello'))
    const { stream } = await dialLocal(tcp('127.0.0.1', port), nobody, never())
    let greeting = ''
    for await (const chunk of stream) greeting += chunk
    expect(greeting).toBe('220 hello')
    stream.destroy()
  })
})

describe('what cannot', () => {
  it('a closed port is TARGET_REFUSED, on localhost too', async () => {
    const port = await closedPort()
    expect(await codeOf(tcp('127.0.0.1', port))).toBe('TARGET_REFUSED')
    expect(await codeOf(tcp('localhost', port))).toBe('TARGET_REFUSED')
  })

  it('a name that does not exist is TARGET_UNRESOLVED', async () => {
    expect(await codeOf(tcp('does-not-exist.invalid', 80))).toBe('TARGET_UNRESOLVED')
  })

  it('a Unix socket that nobody serves, is not there, is no socket, or has too long a path', async () => {
    const folder = testFolder()
    const file = folder.join('file')
    writeFileSync(file, '')
    const unix = (path: string) => codeOf({ kind: 'unix', path })
    expect(await unix(folder.join('none'))).toBe('TARGET_UNREACHABLE')
    expect(['TARGET_REFUSED', 'TARGET_UNREACHABLE']).toContain(await unix(file))
    expect(await unix(`/${'x'.repeat(200)}`)).toBe('TARGET_UNREACHABLE')
  })

  it('a target that does not answer is given up: a full backlog is as silent as a dead host', async () => {
    const target = await silentTarget()
    const error = await dialFromHere(target, never(), 200).catch((thrown: unknown) => problemOf(thrown))
    expect(error).toMatchObject({ code: 'TARGET_TIMEOUT' })
  })

  it('nobody waits any more: the dial ends at once, and nothing stays open', async () => {
    const target = await silentTarget()
    const controller = new AbortController()
    const dialling = dialLocal(target, nobody, controller.signal)
    controller.abort()
    await expect(dialling).rejects.toThrow('nobody waits')
    await expect(dialLocal(target, nobody, AbortSignal.abort())).rejects.toThrow('nobody waits')
  })
})

/** Listens with a backlog of one, accepts nobody, and is full. */
async function silentTarget(): Promise<DialTarget> {
  const { execa } = await import('execa')
  const script =
    'import socket,sys;s=socket.socket();s.bind(("127.0.0.1",0));s.listen(0);p=s.getsockname()[1];' +
    'f=[socket.socket() for _ in range(4)];[(c.setblocking(False),c.connect_ex(("127.0.0.1",p))) for c in f];' +
    'print(p,flush=True);sys.stdin.read()'
  const child = execa('python3', ['-c', script])
  child.catch(() => {})
  atEnd(async () => {
    child.stdin.end()
    await child.catch(() => {})
  })
  const [line] = await new Promise<Buffer[]>((resolve) =>
    child.stdout.once('data', (data) => resolve([data])),
  )
  return tcp('127.0.0.1', Number(line))
}
