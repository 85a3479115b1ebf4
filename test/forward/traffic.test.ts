import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { Agent, request } from 'node:http'
import { createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { parseAllowFrom } from '../../src/forward/allow-from.ts'
import type { Dial } from '../../src/forward/carrier.ts'
import { dialLocal } from '../../src/forward/local-dial.ts'
import type { StopSignal } from '../../src/forward/stop.ts'
import type { SocketAddress } from '../../src/model/address.ts'
import { ProblemError } from '../../src/model/problem.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { startEcho, startEchoAfterEnd, startHttp, startServer, startSource } from '../helpers/servers.ts'
import { carry, to } from './carried.ts'
import { watchEnding } from './pair.ts'

const nobodyAllowed = parseAllowFrom([])
const reset = (socket: Socket) => watchEnding(socket, true).then(({ how }) => how)

async function say(socket: Socket, text: string): Promise<string> {
  socket.write(text)
  const [answer] = (await once(socket, 'data')) as [Buffer]
  return answer.toString()
}

async function closedPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  await new Promise((resolve) => server.close(resolve))
  return port
}

describe('what is carried, and what status shows of it', () => {
  it.each([
    ['local', { out: 5, in: 7 }],
    ['remote', { out: 7, in: 5 }],
  ] as const)('%s: bytes are counted as seen from this machine', async (direction, bytes) => {
    const target = await startSource('welcome')
    const { traffic, dial } = await carry(to(target.port), direction)
    const client = dial()
    client.end('hello')
    expect((await watchEnding(client)).bytes.toString()).toBe('welcome')
    await eventually(() => traffic.counts.active === 0)
    expect(traffic.bytes).toEqual(bytes)
    expect(traffic.counts).toEqual({ active: 0, draining: 0, total: 1, failed: 0, refused: 0 })
  })

  it('each open connection is listed with its client, target, age and bytes', async () => {
    const target = await startEcho()
    const { traffic, dial, changes } = await carry(to(target.port))
    const client = dial()
    await say(client, 'hello')
    expect(traffic.connections()).toEqual([
      {
        from: { address: '127.0.0.1', port: client.localPort },
        through: '',
        target: { kind: 'tcp', host: '127.0.0.1', port: target.port },
        since: expect.stringMatching(/^\d{4}-.*Z$/),
        bytes: { in: 5, out: 5 },
        draining: false,
      },
    ])
    expect(traffic.counts).toMatchObject({ active: 1, total: 1 })
    const before = changes()
    client.end()
    await eventually(() => traffic.connections().length === 0)
    expect(changes()).toBeGreaterThan(before)
    await eventually(() => target.open() === 0)
  })

  it.each(['tcp to unix', 'unix to tcp', 'unix to unix'])(
    '%s: 10 MB are equal both ways, half-closed',
    async (mix) => {
      const folder = testFolder()
      const [listens, reaches] = mix.split(' to ')
      const target = await startEchoAfterEnd(reaches === 'unix' ? { path: folder.join('target') } : {})
      const listen: SocketAddress =
        listens === 'unix'
          ? { kind: 'unix', path: folder.join('listen') }
          : { kind: 'tcp', host: '127.0.0.1', port: 0 }
      const route = reaches === 'unix' ? to(0, { to: { kind: 'unix', path: target.path } }) : to(target.port)
      const { dial } = await carry(route, 'local', listen)
      const content = randomBytes(10_000_000)
      const client = dial()
      const ending = watchEnding(client)
      client.end(content)
      const { how, bytes } = await ending
      expect(how).toBe('end')
      expect(bytes.equals(content)).toBe(true)
    },
  )

  it('leaves no timer behind, drained or not', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port))
    const clients = [dial(), dial()]
    for (const client of clients) await say(client, 'hello')
    const before = timers()
    const drained = traffic.drain(600_000)
    expect(timers()).toBeGreaterThan(before)
    for (const client of clients) client.end()
    await drained
    expect(timers()).toBeLessThanOrEqual(before)
  })
})

describe('a target that cannot be reached', () => {
  it('is a RST for the client, counted, with its problem until the next success', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(await closedPort()))
    expect(await reset(dial())).toBe('reset')
    expect(traffic.counts).toEqual({ active: 0, draining: 0, total: 1, failed: 1, refused: 0 })
    expect(traffic.problem).toMatchObject({ code: 'TARGET_REFUSED' })
    traffic.setRoute(to(target.port), 'route')
    expect(await say(dial(), 'hello')).toBe('hello')
    expect(traffic.problem).toBeNull()
  })

  it('keeps what the server said about a policy', async () => {
    const problem = {
      code: 'FORWARD_PROHIBITED',
      summary: 'administratively prohibited: open failed',
    } as const
    const dial: Dial = () => Promise.reject(new ProblemError(problem))
    const carried = await carry(to(1, { dial }))
    expect(await reset(carried.dial())).toBe('reset')
    expect(carried.traffic.counts).toMatchObject({ failed: 1, refused: 0 })
    expect(carried.traffic.problem).toEqual(problem)
  })

  it.each(['HOST_LOST', 'AUTH_FAILED'] as const)(
    'because of its host (%s): counted, but the problem is the host’s',
    async (code) => {
      const dial: Dial = () => Promise.reject(new ProblemError({ code, summary: 'no way there' }))
      const carried = await carry(to(1, { dial }))
      expect(await reset(carried.dial())).toBe('reset')
      expect(carried.traffic.counts.failed).toBe(1)
      expect(carried.traffic.problem).toBeNull()
    },
  )

  it('a client that goes away while we dial ends the dial, and is no failure', async () => {
    const signals: StopSignal[] = []
    const dial: Dial = (_target, _from, signal) => {
      signals.push(signal)
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(new Error('gone'))),
      )
    }
    const carried = await carry(to(1, { dial }))
    const client = carried.dial()
    await eventually(() => signals.length === 1)
    client.resetAndDestroy()
    await eventually(() => signals[0]!.aborted && carried.traffic.counts.active === 0)
    expect(carried.traffic.counts).toMatchObject({ total: 1, failed: 0, refused: 0 })
  })

  it('a dial that succeeds too late is closed again', async () => {
    const target = await startEcho()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    const dial: Dial = async (where, from) => {
      const far = await dialLocal(where, from, new AbortController().signal)
      await held
      return far
    }
    const carried = await carry(to(target.port, { dial }))
    const client = carried.dial()
    await eventually(() => target.open() === 1)
    carried.traffic.cut()
    release()
    expect(await reset(client)).toBe('reset')
    await eventually(() => target.open() === 0)
    expect(carried.traffic.connections()).toEqual([])
  })
})

describe('who is turned away', () => {
  it('allow_from: a RST, counted, nothing dialled, no problem', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port, { allowFrom: parseAllowFrom(['10.0.0.0/8']) }))
    expect(await reset(dial())).toBe('reset')
    expect(traffic.counts).toEqual({ active: 0, draining: 0, total: 1, failed: 0, refused: 1 })
    expect(traffic.problem).toBeNull()
    expect(target.connections()).toBe(0)
  })

  it('max_connections: a RST and a problem, until one has ended', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port, { maxConnections: 1 }))
    const first = dial()
    await say(first, 'hello')
    expect(await reset(dial())).toBe('reset')
    expect(traffic.counts).toMatchObject({ active: 1, refused: 1 })
    expect(traffic.problem).toMatchObject({ code: 'LIMIT_REACHED' })
    expect(await say(first, 'still')).toBe('still')
    first.end()
    await eventually(() => traffic.counts.active === 0)
    expect(traffic.problem).toBeNull()
    expect(await say(dial(), 'again')).toBe('again')
  })
})

describe('idle_timeout', () => {
  it('cuts a connection on which nothing moves, on both sides, and its end says why', async () => {
    const target = await startEcho()
    const { traffic, dial, news } = await carry(to(target.port, { idleTimeoutMs: 20 }))
    const client = dial()
    const ending = reset(client)
    client.write('hello')
    expect(await ending).toBe('reset')
    await eventually(() => target.open() === 0)
    await eventually(() => traffic.counts.active === 0)
    expect(traffic.counts).toMatchObject({ total: 1, failed: 0, refused: 0 })
    expect(traffic.problem).toBeNull()
    const { outcome, problem } = news.at(-1)!
    expect({ outcome, why: problem?.summary }).toEqual({
      outcome: 'closed',
      why: 'Nothing moved on it for 0.02 s (idle_timeout)',
    })
  })

  it('a half-closed one too: who has said everything and gets no answer', async () => {
    const target = await startServer((socket) => void socket.resume())
    const { traffic, dial, news } = await carry(to(target.port, { idleTimeoutMs: 20 }))
    const client = dial()
    client.end('and now?')
    expect(await reset(client)).toBe('reset')
    await eventually(() => traffic.counts.active === 0)
    expect(news.map(({ outcome, problem }) => [outcome, problem?.code])).toEqual([
      ['opened', undefined],
      ['closed', 'LIMIT_REACHED'],
    ])
  })

  it('the time in which the target is not reached yet is not idle', async () => {
    const target = await startEcho()
    const slowly: Dial = async (...args) => {
      await eventually(() => Date.now() > began + 100)
      return dialLocal(...args)
    }
    const began = Date.now()
    const { dial, news } = await carry(to(target.port, { idleTimeoutMs: 20, dial: slowly }))
    dial()
    await eventually(() => news.length > 0)
    expect(news[0]).toMatchObject({ outcome: 'opened' })
  })

  it('an edit of it is for connections from then on', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port))
    const client = dial()
    await say(client, 'hello')
    traffic.setRoute(to(target.port, { idleTimeoutMs: 20 }), 'limits')
    const other = dial()
    expect(await reset(other)).toBe('reset')
    expect(await say(client, 'still')).toBe('still')
  })
})

describe('an edit', () => {
  it('of limits interrupts nothing', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port))
    const client = dial()
    await say(client, 'hello')
    traffic.setRoute(to(target.port, { maxConnections: 0, drainMs: 0 }), 'limits')
    expect(await say(client, 'still')).toBe('still')
    expect(traffic.counts).toMatchObject({ active: 1, draining: 0 })
  })

  it('of the policy cuts those that it now refuses, at once', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port))
    const client = dial()
    await say(client, 'hello')
    const ending = reset(client)
    traffic.setRoute(to(target.port, { allowFrom: parseAllowFrom(['127.0.0.0/8']) }), 'policy')
    expect(await say(client, 'still')).toBe('still')
    traffic.setRoute(to(target.port, { allowFrom: nobodyAllowed }), 'policy')
    expect(await ending).toBe('reset')
    await eventually(() => target.open() === 0)
  })

  it('of the route: open connections keep theirs and drain, new ones take the new', async () => {
    const [before, after] = [await startEcho(), await startSource('new')]
    const { traffic, dial } = await carry(to(before.port))
    const old = dial()
    await say(old, 'hello')
    traffic.setRoute(to(after.port, { drainMs: 0 }), 'route')
    const [news] = (await once(dial(), 'data')) as [Buffer]
    expect(news.toString()).toBe('new')
    expect(await say(old, 'still')).toBe('still')
    expect(traffic.counts).toMatchObject({ active: 1, draining: 1, total: 2 })
    expect(traffic.connections().map(({ draining }) => draining)).toEqual([true, false])
    old.end()
    await eventually(() => traffic.counts.draining === 0)
  })

  it('of the route cuts those that still drain when their own time is up', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port, { drainMs: 30 }))
    const client = dial()
    await say(client, 'hello')
    const ending = reset(client)
    traffic.setRoute(to(target.port), 'route')
    expect(await ending).toBe('reset')
    await eventually(() => traffic.connections().length === 0)
  })
})

describe('draining', () => {
  it('resolves when the last one has ended by itself', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port))
    const client = dial()
    await say(client, 'hello')
    let isDrained = false
    const drained = traffic.drain(600_000).then(() => {
      isDrained = true
    })
    expect(await say(client, 'still')).toBe('still')
    expect(isDrained).toBe(false)
    expect(traffic.counts).toMatchObject({ active: 0, draining: 1 })
    client.end()
    await drained
    expect(traffic.counts.draining).toBe(0)
  })

  it.each([0, 30])('cuts after %i ms, also those that still dial or have a longer time', async (ms) => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port))
    const client = dial()
    await say(client, 'hello')
    const ending = reset(client)
    void traffic.drain(Number.MAX_SAFE_INTEGER)
    expect(await say(client, 'still')).toBe('still')
    await traffic.drain(ms)
    expect(await ending).toBe('reset')
  })

  it('of nothing is done', async () => {
    const { traffic } = await carry(to(1))
    await traffic.drain(600_000)
  })

  it('cut ends all at once', async () => {
    const target = await startEcho()
    const { traffic, dial } = await carry(to(target.port))
    const clients = [dial(), dial(), dial()]
    for (const client of clients) await say(client, 'hello')
    const endings = clients.map(reset)
    traffic.cut()
    expect(await Promise.all(endings)).toEqual(['reset', 'reset', 'reset'])
    await eventually(() => target.open() === 0 && traffic.connections().length === 0)
  })
})

describe('what became of a connection is told', () => {
  it('opened and closed, with who, where to and how much', async () => {
    const target = await startEcho()
    const { news, dial } = await carry(to(target.port))
    const client = dial()
    await say(client, 'hello')
    client.end()
    await once(client, 'close')
    await eventually(() => news.length === 2)
    const from = expect.stringMatching(/^127\.0\.0\.1:\d+$/)
    const told = { from, to: `127.0.0.1:${target.port}`, problem: null }
    expect(news).toMatchObject([
      { ...told, outcome: 'opened', bytes: { in: 0, out: 0 } },
      { ...told, outcome: 'closed', bytes: { in: 5, out: 5 } },
    ])
  })

  it('failed and refused, with the reason', async () => {
    const failing = await carry(to(await closedPort()))
    expect(await reset(failing.dial())).toBe('reset')
    await eventually(() => failing.news.length === 1)
    expect(failing.news).toMatchObject([{ outcome: 'failed', problem: { code: 'TARGET_REFUSED' } }])
    const closed = await carry(to(1, { allowFrom: nobodyAllowed }))
    expect(await reset(closed.dial())).toBe('reset')
    expect(closed.news).toMatchObject([
      { outcome: 'refused', to: null, problem: { summary: 'Not in allow_from' } },
    ])
  })
})

describe('host_header', () => {
  function get(port: number, agent: Agent, path: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const sent = request({ host: '127.0.0.1', port, agent, path }, async (response) => {
        let body = ''
        for await (const chunk of response) body += chunk
        resolve(body)
      })
      sent.on('error', reject).end()
    })
  }

  it('a web server sees the other name in every request of a kept connection', async () => {
    const web = await startHttp()
    const { port, traffic } = await carry(to(web.port, { hostHeader: 'zaiste.net' }))
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    expect(await get(port, agent, '/1')).toBe('GET /1 host=zaiste.net\n')
    expect(await get(port, agent, '/2')).toBe('GET /2 host=zaiste.net\n')
    expect(traffic.counts.total).toBe(1)
    agent.destroy()
  })

  it('a failed dial is a RST, no answer is made up', async () => {
    const { port } = await carry(to(await closedPort(), { hostHeader: 'zaiste.net' }))
    await expect(get(port, new Agent(), '/')).rejects.toMatchObject({ code: 'ECONNRESET' })
  })
})
