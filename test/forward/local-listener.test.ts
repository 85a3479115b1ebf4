import { once } from 'node:events'
import { linkSync, lstatSync, mkdirSync, readdirSync, statSync, unlinkSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { basename } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { Incoming } from '../../src/forward/carrier.ts'
import { type LocalListener, listenLocal, type UnixSocketOptions } from '../../src/forward/local-listener.ts'
import type { SocketAddress } from '../../src/model/address.ts'
import { type Problem, problemOf } from '../../src/model/problem.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { startEcho } from '../helpers/servers.ts'
import { watchEnding } from './pair.ts'

const usual: UnixSocketOptions = { mode: 0o600, replace: true }
const loopback: SocketAddress = { kind: 'tcp', host: '127.0.0.1', port: 0 }

async function listen(
  address: SocketAddress,
  onIncoming: (incoming: Incoming) => void = echo,
  socket = usual,
): Promise<LocalListener> {
  const listener = await listenLocal(address, socket, onIncoming)
  atEnd(() => listener.close())
  return listener
}

function echo(incoming: Incoming): void {
  const { stream } = incoming.accept()
  stream.pipe(stream)
}

function problemOfListening(address: SocketAddress, socket = usual): Promise<Problem> {
  const refuse = (incoming: Incoming) => incoming.refuse()
  return listenLocal(address, socket, refuse).then(
    async (listener) => {
      await listener.close()
      throw new Error(`it listens on ${JSON.stringify(listener.address)}`)
    },
    (error: unknown) => problemOf(error),
  )
}

function dial(address: SocketAddress, host?: string): Socket {
  const socket =
    address.kind === 'unix'
      ? connect({ path: address.path, allowHalfOpen: true })
      : connect({ host: host ?? address.host, port: address.port, allowHalfOpen: true })
  atEnd(() => void socket.destroy())
  return socket
}

async function ask(address: SocketAddress, host?: string): Promise<string> {
  const socket = dial(address, host)
  socket.end('hello')
  return (await watchEnding(socket)).bytes.toString()
}

describe('TCP', () => {
  it('hands over who knocks, with address and port', async () => {
    const seen: Incoming[] = []
    const { address } = await listen(loopback, (incoming) => {
      seen.push(incoming)
      echo(incoming)
    })
    const socket = dial(address)
    await once(socket, 'connect')
    const port = socket.localPort
    socket.end('hello')
    expect((await watchEnding(socket)).bytes.toString()).toBe('hello')
    expect(seen.map(({ from }) => from)).toEqual([{ address: '127.0.0.1', port }])
  })

  it('"::" is both families', async () => {
    const { address } = await listen({ kind: 'tcp', host: '::', port: 0 })
    expect(await ask(address, '127.0.0.1')).toBe('hello')
    expect(await ask(address, '::1')).toBe('hello')
  })

  it('refuses with a RST', async () => {
    const { address } = await listen(loopback, (incoming) => incoming.refuse())
    const socket = dial(address)
    expect((await watchEnding(socket, true)).how).toBe('reset')
  })

  it('notices a client that resets while nobody has accepted it', async () => {
    const knocks: Incoming[] = []
    const { address } = await listen(loopback, (incoming) => void knocks.push(incoming))
    const socket = dial(address)
    socket.write('early')
    const incoming = await eventually(() => knocks[0])
    // A RST that overtakes what is still unread looks like an end of file (local-socket.ts): it has to be read before.
    // To look at the stream changes nothing.
    await eventually(() => incoming.accept().stream.readableLength === 'early'.length)
    expect(incoming.gone.aborted).toBe(false)
    socket.resetAndDestroy()
    await eventually(() => incoming.gone.aborted)
  })

  it('a client that only half-closes is not gone, and what it said early is kept', async () => {
    const knocks: Incoming[] = []
    const { address } = await listen(loopback, (incoming) => void knocks.push(incoming))
    const socket = dial(address)
    const ending = watchEnding(socket)
    socket.end('early')
    const incoming = await eventually(() => knocks[0])
    await eventually(() => incoming.accept().stream.readableLength === 5)
    expect(incoming.gone.aborted).toBe(false)
    echo(incoming)
    expect(await ending).toMatchObject({ how: 'end', bytes: Buffer.from('early') })
  })

  it('closing frees the port at once, and open connections live on', async () => {
    const first = await listen(loopback)
    const socket = dial(first.address)
    socket.write('one')
    await once(socket, 'data')
    await first.close()
    const second = await listen(first.address)
    expect(second.address).toEqual(first.address)
    const ending = watchEnding(socket)
    socket.end('two')
    expect((await ending).bytes.toString()).toBe('two')
  })

  it('a taken port is a problem that names the address and the process', async () => {
    const { address } = await listen(loopback)
    const problem = await problemOfListening(address)
    expect(problem.code).toBe('PORT_IN_USE')
    expect(problem.summary).toContain(`127.0.0.1:${(address as { port: number }).port}`)
    if (process.platform === 'linux') expect(problem.summary).toContain(`(pid ${process.pid})`)
  })

  it('a port that only the wildcard holds is taken, and named, too', async () => {
    const { address } = await listen({ kind: 'tcp', host: '::', port: 0 })
    const problem = await problemOfListening({ ...address, host: '127.0.0.1' } as SocketAddress)
    expect(problem.code).toBe('PORT_IN_USE')
    if (process.platform === 'linux') expect(problem.summary).toContain(`(pid ${process.pid})`)
  })

  it('an address that this machine does not have is a problem', async () => {
    const problem = await problemOfListening({ kind: 'tcp', host: '192.0.2.1', port: 0 })
    expect(problem).toMatchObject({ code: 'LISTEN_FAILED' })
    expect(problem.summary).toContain('192.0.2.1')
  })

  it.runIf(canBeNobody())('a privileged port is a problem that explains itself', async () => {
    const problem = await asNobody(() => problemOfListening({ kind: 'tcp', host: '127.0.0.1', port: 81 }))
    expect(problem.code).toBe('LISTEN_FORBIDDEN')
    expect(problem.summary).toContain('127.0.0.1:81')
    expect(problem.summary).toContain('privileged')
    expect(problem.hint).toContain('8081')
  })
})

describe('Unix sockets', () => {
  const unix = (path: string): SocketAddress => ({ kind: 'unix', path })
  /** What a process leaves that ended without tidying up: the file stays, nobody answers. */
  async function leaveBehind(path: string): Promise<void> {
    const server = createServer()
    await new Promise<void>((resolve) => server.listen(`${path}.born`, resolve))
    linkSync(`${path}.born`, path)
    await new Promise((resolve) => server.close(resolve))
  }

  it('says so when its file was taken away; its connections go on, and it can be made again', async () => {
    const path = testFolder().join('s')
    const listener = await listen(unix(path))
    const client = dial(unix(path))
    await once(client, 'connect')
    unlinkSync(path)
    await eventually(() => listener.failed.aborted)
    expect(problemOf(listener.failed.reason)).toMatchObject({
      code: 'LISTEN_FAILED',
      detail: 'Its file was taken away.',
    })
    client.end('still here')
    expect((await watchEnding(client)).bytes.toString()).toBe('still here')
    await listen(unix(path))
    expect(await ask(unix(path))).toBe('hello')
  })

  it.each([0o600, 0o660, 0o666])(
    'has mode %o, whatever the umask, and leaves nothing beside it',
    async (mode) => {
      const folder = testFolder()
      const path = folder.join('s')
      const listener = await listen(unix(path), echo, { mode, replace: true })
      expect(statSync(path).mode & 0o777).toBe(mode)
      expect(await ask(unix(path))).toBe('hello')
      expect(readdirSync(folder.path)).toEqual(['s'])
      await listener.close()
      expect(readdirSync(folder.path)).toEqual([])
    },
  )

  it('never shows a file with another mode on the way', async () => {
    const folder = testFolder()
    const modes = new Set<number>()
    let isDone = false
    const watching = (async () => {
      while (!isDone) {
        const stat = lstatSync(folder.join('s'), { throwIfNoEntry: false })
        if (stat) modes.add(stat.mode & 0o777)
        await new Promise((resolve) => setImmediate(resolve))
      }
    })()
    for (let i = 0; i < 50; i++) {
      const listener = await listenLocal(unix(folder.join('s')), { mode: 0o640, replace: true }, echo)
      await listener.close()
    }
    isDone = true
    await watching
    expect([...modes]).toEqual([0o640])
  })

  it('clients have no address; a refusal is a close', async () => {
    const path = testFolder().join('s')
    const from: unknown[] = []
    await listen(unix(path), (incoming) => {
      from.push(incoming.from)
      incoming.refuse()
    })
    expect((await watchEnding(dial(unix(path)))).bytes.length).toBe(0)
    expect(from).toEqual([{ address: null, port: 0 }])
  })

  it('makes missing folders for the user alone, but only inside the project', async () => {
    const folder = testFolder()
    mkdirSync(folder.join('project'))
    const options = { ...usual, project: folder.join('project') }
    const path = folder.join('project', 'run', 'deep', 's')
    await listen(unix(path), echo, options)
    expect(await ask(unix(path))).toBe('hello')
    expect(statSync(folder.join('project', 'run')).mode & 0o777).toBe(0o700)
    const outside = await problemOfListening(unix(folder.join('project-too', 's')), options)
    expect(outside.code).toBe('LISTEN_FAILED')
    expect(outside.summary).toContain('project-too')
    expect(readdirSync(folder.path)).toEqual(['project'])
  })

  it('takes the place of a socket that was left behind', async () => {
    const path = testFolder().join('s')
    await leaveBehind(path)
    await listen(unix(path))
    expect(await ask(unix(path))).toBe('hello')
  })

  it('leaves it where that is not wanted', async () => {
    const path = testFolder().join('s')
    await leaveBehind(path)
    const { ino } = lstatSync(path)
    const problem = await problemOfListening(unix(path), { ...usual, replace: false })
    expect(problem.code).toBe('PORT_IN_USE')
    expect(problem.hint).toContain('replace')
    expect(lstatSync(path).ino).toBe(ino)
  })

  it('never replaces a live socket', async () => {
    const folder = testFolder()
    const path = folder.join('s')
    await startEcho({ path })
    expect((await problemOfListening(unix(path))).code).toBe('PORT_IN_USE')
    expect(await ask(unix(path))).toBe('hello')
    expect(readdirSync(folder.path)).toEqual(['s'])
  })

  it('of many that want one stale path exactly one gets it, and serves', async () => {
    const path = testFolder().join('s')
    for (let round = 0; round < 10; round++) {
      await leaveBehind(path)
      const tries = await Promise.allSettled(
        Array.from({ length: 8 }, () => listenLocal(unix(path), usual, echo)),
      )
      const won = tries.filter((each) => each.status === 'fulfilled')
      for (const each of tries)
        if (each.status === 'rejected') expect(problemOf(each.reason).code).toBe('PORT_IN_USE')
      expect(won).toHaveLength(1)
      expect(await ask(unix(path))).toBe('hello')
      await won[0]!.value.close()
      expect(lstatSync(path, { throwIfNoEntry: false })).toBeUndefined()
    }
  })

  it.each(['a file', 'a folder'])('never replaces %s', async (what) => {
    const path = testFolder().join('s')
    if (what === 'a file') writeFileSync(path, 'precious')
    else mkdirSync(path)
    const problem = await problemOfListening(unix(path))
    expect(problem.code).toBe('LISTEN_FAILED')
    expect(problem.summary).toContain(path)
    expect(lstatSync(path).isSocket()).toBe(false)
  })

  it('removes only its own file when it closes', async () => {
    const path = testFolder().join('s')
    const listener = await listen(unix(path))
    unlinkSync(path)
    await startEcho({ path })
    await listener.close()
    expect(await ask(unix(path))).toBe('hello')
  })

  it('a path that is too long is a problem; the longest that is not works', async () => {
    const folder = testFolder()
    const max = process.platform === 'darwin' ? 103 : 107
    const longest = folder.join('x'.repeat(max - folder.path.length - 1))
    await listen(unix(longest))
    expect(await ask(unix(longest))).toBe('hello')
    expect(readdirSync(folder.path)).toEqual([basename(longest)])
    const problem = await problemOfListening(unix(`${longest}x`))
    expect(problem.code).toBe('LISTEN_FAILED')
    expect(problem.summary).toContain(`${max + 1}`)
    expect(readdirSync(folder.path)).toEqual([basename(longest)])
  })

  it.runIf(canBeNobody())('a folder that may not be written in is a problem', async () => {
    const folder = testFolder()
    const problem = await asNobody(() => problemOfListening(unix(folder.join('s'))))
    expect(problem.code).toBe('LISTEN_FORBIDDEN')
    expect(problem.summary).toContain(folder.path)
  })
})

function canBeNobody(): boolean {
  return process.geteuid?.() === 0
}

/** Root may do everything: what others may not is only seen as one of them. */
async function asNobody<T>(action: () => Promise<T>): Promise<T> {
  process.setegid!(65_534)
  process.seteuid!(65_534)
  try {
    return await action()
  } finally {
    process.seteuid!(0)
    process.setegid!(0)
  }
}
