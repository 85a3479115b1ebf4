import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { execa } from 'execa'
import { SocksClient } from 'socks'
import { describe, expect, it } from 'vitest'
import { parseAllowTo } from '../../src/forward/allow-to.ts'
import type { Dial } from '../../src/forward/carrier.ts'
import { dialLocal } from '../../src/forward/local-dial.ts'
import { readSocksRequest } from '../../src/forward/socks.ts'
import type { StopSignal } from '../../src/forward/stop.ts'
import { type ProblemCode, ProblemError } from '../../src/model/problem.ts'
import { eventually } from '../helpers/eventually.ts'
import { startEchoAfterEnd, startHttp, startServer } from '../helpers/servers.ts'
import { carry, plainRoute } from './carried.ts'
import { openPair, watchEnding } from './pair.ts'

const auth = { username: 'ann', password: 's3cret' }
const hello = Buffer.from([5, 1, 0])
const greeted = Buffer.from([5, 0])
const granted = Buffer.from([5, 0, 0, 1, 0, 0, 0, 0, 0, 0])

function requestTo(port: number): Buffer {
  return Buffer.from([5, 1, 0, 1, 127, 0, 0, 1, port >> 8, port & 255])
}

function failing(code: ProblemCode): Dial {
  return () => Promise.reject(new ProblemError({ code, summary: 'on purpose' }))
}

/** Reads exactly so many bytes, and leaves the rest. */
async function read(socket: Socket, length: number): Promise<number[]> {
  return eventually(() => {
    const bytes = socket.read(length) as Buffer | null
    return bytes && [...bytes]
  })
}

describe('real clients', () => {
  it.each([
    ['--socks4', '127.0.0.1'],
    ['--socks4a', 'localhost'],
    ['--socks5', '127.0.0.1'],
    ['--socks5-hostname', 'localhost'],
  ])('curl %s', async (option, host) => {
    const web = await startHttp()
    const { port } = await carry(plainRoute)
    const url = `http://${host}:${web.port}/hello`
    const { stdout } = await execa('curl', ['-sS', '--noproxy', '', option, `127.0.0.1:${port}`, url])
    expect(stdout).toBe(`GET /hello host=${host}:${web.port}`)
  })

  it('curl with a password, and without', async () => {
    const web = await startHttp()
    const { port, traffic } = await carry({ ...plainRoute, auth })
    const curl = (proxy: string) =>
      execa('curl', ['-sS', '--noproxy', '', '--proxy', proxy, `http://127.0.0.1:${web.port}/`], {
        reject: false,
      })
    expect((await curl(`socks5://ann:s3cret@127.0.0.1:${port}`)).stdout).toContain('GET /')
    expect(traffic.counts.refused).toBe(0)
    expect((await curl(`socks5://ann:wrong@127.0.0.1:${port}`)).exitCode).toBe(97)
    expect((await curl(`socks5://127.0.0.1:${port}`)).exitCode).toBe(97)
    expect((await curl(`socks4://127.0.0.1:${port}`)).exitCode).toBe(97)
    await eventually(() => traffic.counts.refused === 3)
    expect(web.requests).toHaveLength(1)
  })

  it.each([4, 5] as const)('npm socks, SOCKS%i', async (type) => {
    const web = await startHttp()
    const { port, traffic } = await carry(plainRoute)
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      proxy: { host: '127.0.0.1', port, type },
      destination: { host: 'localhost', port: web.port },
    })
    expect(traffic.connections()[0]?.target).toEqual({ kind: 'tcp', host: 'localhost', port: web.port })
    socket.end('GET /x HTTP/1.0\r\n\r\n')
    expect((await watchEnding(socket)).bytes.toString()).toContain('GET /x')
  })
})

describe('the answer comes after the dial', () => {
  it.each<[ProblemCode, number]>([
    ['FORWARD_PROHIBITED', 2],
    ['TARGET_UNREACHABLE', 4],
    ['TARGET_UNRESOLVED', 4],
    ['TARGET_REFUSED', 5],
    ['TARGET_TIMEOUT', 6],
    ['HOST_LOST', 1],
    ['HOST_TIMEOUT', 1],
    ['INTERNAL', 1],
  ])('%s is reply %i, whole, and then an orderly end', async (code, reply) => {
    const { dial, traffic } = await carry({ ...plainRoute, dial: failing(code) })
    const client = dial()
    const ending = watchEnding(client, true)
    client.write(Buffer.concat([hello, requestTo(80), Buffer.alloc(5_000_000)]))
    const { how, bytes } = await ending
    expect([...bytes]).toEqual([...greeted, 5, reply, 0, 1, 0, 0, 0, 0, 0, 0])
    expect(how).toBe('end')
    client.end()
    await eventually(() => traffic.counts.active === 0)
    expect(traffic.counts).toMatchObject({ failed: 1, refused: 0 })
  })

  it('SOCKS4 knows only 91', async () => {
    const { dial } = await carry({ ...plainRoute, dial: failing('TARGET_REFUSED') })
    const client = dial()
    client.end(Buffer.from([4, 1, 0, 80, 127, 0, 0, 1, 0]))
    expect([...(await watchEnding(client)).bytes]).toEqual([0, 91, 0, 0, 0, 0, 0, 0])
  })

  it('not before: while the dial goes on nothing is said', async () => {
    let dialled = 0
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const target = await startEchoAfterEnd()
    const dial: Dial = async (...call) => {
      dialled++
      await held
      return dialLocal(...call)
    }
    const carried = await carry({ ...plainRoute, dial })
    const client = carried.dial()
    client.write(Buffer.concat([hello, requestTo(target.port)]))
    expect(await read(client, 2)).toEqual([...greeted])
    await eventually(() => dialled === 1)
    expect(client.read()).toBeNull()
    release()
    expect(await read(client, 10)).toEqual([...granted])
  })

  it('allow_to: reply 2, counted as refused, nothing dialled', async () => {
    let dialled = 0
    const dial: Dial = (...call) => {
      dialled++
      return dialLocal(...call)
    }
    const { traffic, ...carried } = await carry({ ...plainRoute, dial, allowTo: parseAllowTo(['*:80']) })
    const client = carried.dial()
    client.end(Buffer.concat([hello, requestTo(80)]))
    expect([...(await watchEnding(client)).bytes]).toEqual([...greeted, 5, 2, 0, 1, 0, 0, 0, 0, 0, 0])
    await eventually(() => traffic.counts.active === 0)
    expect(traffic.counts).toMatchObject({ failed: 0, refused: 1 })
    expect(traffic.problem).toBeNull()
    expect(dialled).toBe(0)
  })
})

describe('bytes', () => {
  it.each(['in one segment', 'byte by byte'])('hello, request and early data %s', async (how) => {
    const target = await startEchoAfterEnd()
    const { dial } = await carry(plainRoute)
    const client = dial()
    const ending = watchEnding(client)
    const all = Buffer.concat([hello, requestTo(target.port), Buffer.from('early')])
    if (how === 'in one segment') client.end(all)
    else {
      for (const byte of all) {
        await new Promise((resolve) => client.write(Buffer.from([byte]), resolve))
        await new Promise((resolve) => setImmediate(resolve))
      }
      client.end()
    }
    const { bytes } = await ending
    expect(bytes.toString('latin1')).toBe(
      Buffer.concat([greeted, granted, Buffer.from('early')]).toString('latin1'),
    )
  })

  it('half-close: 200,000 bytes up, FIN, all of them back', async () => {
    const target = await startEchoAfterEnd()
    const { dial } = await carry(plainRoute)
    const content = randomBytes(200_000)
    const client = dial()
    const ending = watchEnding(client)
    client.end(Buffer.concat([hello, requestTo(target.port), content]))
    const { how, bytes } = await ending
    expect(how).toBe('end')
    expect(bytes.subarray(12).equals(content)).toBe(true)
  })

  it('what the target says first arrives behind the reply', async () => {
    const target = await startServer((socket) => void socket.end('220 welcome'))
    const { dial } = await carry(plainRoute)
    const client = dial()
    client.write(Buffer.concat([hello, requestTo(target.port)]))
    const { bytes } = await watchEnding(client)
    expect(bytes.subarray(12).toString()).toBe('220 welcome')
    client.end()
  })
})

describe('clients that do not behave', () => {
  it('who is too slow is cut off and counted', async () => {
    const { ours, theirs } = await openPair()
    theirs.write(hello.subarray(0, 1))
    const ending = watchEnding(theirs)
    const asked = await readSocksRequest(ours, {
      auth: null,
      signal: new AbortController().signal,
      handshakeMs: 30,
    })
    expect(asked).toBe('refused')
    expect((await ending).how).toBe('reset')
  })

  it('who speaks something else is cut off without a word', async () => {
    const { dial, traffic } = await carry(plainRoute)
    const client = dial()
    client.write('GET / HTTP/1.1\r\n\r\n')
    expect(await watchEnding(client, true)).toMatchObject({ how: 'reset', bytes: Buffer.alloc(0) })
    expect(traffic.counts).toMatchObject({ failed: 0, refused: 1 })
  })

  it('who only looks whether the port is open is not counted as refused', async () => {
    const { dial, traffic } = await carry(plainRoute)
    const client = dial()
    await once(client, 'connect')
    client.end()
    await eventually(() => traffic.counts.total === 1 && traffic.counts.active === 0)
    expect(traffic.counts).toMatchObject({ failed: 0, refused: 0 })
  })

  it('who goes away while we dial ends the dial', async () => {
    const signals: StopSignal[] = []
    const dial: Dial = (_target, _from, signal) => {
      signals.push(signal)
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('gone'))),
      )
    }
    const carried = await carry({ ...plainRoute, dial })
    const client = carried.dial()
    client.write(Buffer.concat([hello, requestTo(80)]))
    await eventually(() => signals.length === 1)
    client.resetAndDestroy()
    await eventually(() => signals[0]!.aborted && carried.traffic.counts.active === 0)
    expect(carried.traffic.counts.failed).toBe(0)
  })

  it('an edit of allow_to cuts those that it now refuses, also who has not asked yet', async () => {
    const target = await startEchoAfterEnd()
    const { dial, traffic } = await carry(plainRoute)
    const [asked, waiting] = [dial(), dial()]
    asked.write(Buffer.concat([hello, requestTo(target.port)]))
    waiting.write(hello)
    await read(asked, 12)
    await read(waiting, 2)
    const ending = watchEnding(asked, true)
    traffic.setRoute({ ...plainRoute, allowTo: parseAllowTo(['*:80']) }, 'policy')
    expect((await ending).how).toBe('reset')
    waiting.end(requestTo(target.port))
    expect((await watchEnding(waiting)).bytes[1]).toBe(2)
  })
})
