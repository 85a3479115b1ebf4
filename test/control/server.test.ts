import { mkdirSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { type AddressInfo, connect, createServer } from 'node:net'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type ControlClient, openControlClient } from '../../src/control/client.ts'
import { lockDirOf } from '../../src/control/paths.ts'
import type { Control, Event, LogsRequest } from '../../src/control/protocol.ts'
import { type ControlServer, openControlServer } from '../../src/control/server.ts'
import { type Problem, ProblemError } from '../../src/model/problem.ts'
import type { ForwardStatus, Status } from '../../src/model/status.ts'
import { eventually } from '../helpers/eventually.ts'
import { selectionOf } from '../supervisor/selection-of.ts'
import { shownForward, shownHost } from '../view/shown.ts'
import { newProject, plan, quietControl, status } from './quiet-control.ts'

/** A Control that does what it says and remembers what it was asked. */
function rememberingControl() {
  const asked: [string, object][] = []
  const listeners = new Set<(event: Event) => void>()
  const control: Control = {
    ...quietControl,
    plan: async (body) => {
      asked.push(['plan', body])
      return plan
    },
    trust: async (body) => {
      asked.push(['trust', body])
      return { waiting: [] }
    },
    reconcile: async (body) => {
      asked.push(['reconcile', body])
      return { plan, problems: [] }
    },
    restart: async (body) => {
      asked.push(['restart', body])
      if (body.names?.includes('nope')) throw new ProblemError({ code: 'USAGE', summary: 'There is no nope' })
      return { plan, problems: [] }
    },
    down: async (body) => void asked.push(['down', body]),
    probe: async (body, signal) => {
      asked.push(['probe', body])
      if (body.names?.includes('hangs')) {
        await new Promise((resolve) => signal.addEventListener('abort', resolve))
        asked.push(['left', body])
      }
      return { forwards: [{ name: 'web', problem: null }] }
    },
    attend: () => {
      asked.push(['attend', {}])
      return () => asked.push(['leave', {}])
    },
    answer: async (body) => {
      asked.push(['answer', body])
      if (body.id === 'gone') throw new ProblemError({ code: 'USAGE', summary: 'Not open any more' })
    },
    watchEvents: (listener) => {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    readLog: async (body, tell, signal) => {
      asked.push(['readLog', body])
      tell({ level: 'info', time: 'then', event: 'start', pid: 1, version: '1' })
      if (!body.follow) return
      listeners.add((event) => tell({ level: 'info', ...event }))
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  }
  return {
    control,
    asked,
    listeners,
    emit: (event: Event) => [...listeners].forEach((listener) => void listener(event)),
  }
}

async function running() {
  const project = await newProject()
  const server = (await openControlServer(project)) as ControlServer
  onTestFinished(() => server.close())
  const remembering = rememberingControl()
  await server.serve(remembering.control)
  const client = (await openControlClient(project)) as ControlClient
  return { ...project, ...remembering, server, client }
}

/** A request as curl would make it. */
function ask(
  socketPath: string,
  path: string,
  { method = 'GET', body = '', headers = {} }: { method?: string; body?: string; headers?: object } = {},
): Promise<{ code: number; headers: NodeJS.Dict<string | string[]>; json: Record<string, unknown> }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, method, headers: { ...headers }, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () =>
        resolve({ code: response.statusCode ?? 0, headers: response.headers, json: JSON.parse(text) }),
      )
    })
    sent.on('error', reject).end(body)
  })
}

test('each question reaches the supervisor as it was asked, and its answer comes back', async () => {
  const { client, asked } = await running()
  expect(await client.status()).toEqual(status)
  await client.plan()
  await client.reconcile({})
  await client.restart({ names: ['web'] })
  await client.down({ names: ['web'], drainMs: 5 })
  expect(asked).toEqual([
    ['plan', {}],
    ['reconcile', {}],
    ['restart', { names: ['web'] }],
    ['down', { names: ['web'], drainMs: 5 }],
  ])
})

test("the supervisor's own problems arrive as they are", async () => {
  const { client } = await running()
  const refused = client.restart({ names: ['nope'] })
  await expect(refused).rejects.toMatchObject({ problems: [{ code: 'USAGE', summary: 'There is no nope' }] })
})

test('there is one server a project; the place is free again as soon as `down` is answered', async () => {
  const { client, server, ...project } = await running()
  expect(await openControlServer(project)).toBeNull()
  await client.down({})
  const next = await openControlServer(project)
  expect(next).not.toBeNull()
  await next!.close()
  await server.close()
  expect(readdirSync(project.place.runtimeDir)).toEqual([])
})

test('only the owner can reach the socket', async () => {
  const { server, place } = await running()
  expect(statSync(server.socket).mode & 0o777).toBe(0o600)
  expect(statSync(lockDirOf(place)).mode & 0o777).toBe(0o700)
})

test('what is asked before the supervisor has loaded waits for it; /healthz does not', async () => {
  const project = await newProject()
  const server = (await openControlServer(project)) as ControlServer
  onTestFinished(() => server.close())
  expect((await ask(server.socket, '/healthz')).code).toBe(200)
  const client = (await openControlClient(project)) as ControlClient
  const early = client.status()
  await server.serve(rememberingControl().control)
  expect(await early).toEqual(status)
})

test('what waits is told why when the supervisor does not come up', async () => {
  const project = await newProject()
  const server = (await openControlServer(project)) as ControlServer
  const client = (await openControlClient(project)) as ControlClient
  const early = client.status()
  const refused = expect(early).rejects.toMatchObject({ problems: [{ code: 'NOT_RUNNING' }] })
  await ask(server.socket, '/healthz')
  await server.close()
  await refused
})

test('a client of another protocol is told the remedy, and may carry it out', async () => {
  const { server, asked } = await running()
  const headers = { 'tunnels-protocol': '999', 'tunnels-version': '9.9.9' }
  const refused = await ask(server.socket, '/v1/status', { headers })
  expect(refused.code).toBe(426)
  expect(refused.headers['tunnels-protocol']).toBe('1')
  expect(JSON.stringify(refused.json)).toMatch(/1\.2\.3.*9\.9\.9.*tunnels down/)
  expect((await ask(server.socket, '/v1/down', { method: 'POST', headers })).code).toBe(200)
  expect(asked).toEqual([['down', {}]])
})

test('malformed requests are refused and harm nothing', async () => {
  const { server, client, asked } = await running()
  const post = (body: string) => ask(server.socket, '/v1/reconcile', { method: 'POST', body })
  expect((await post('{')).code).toBe(400)
  expect((await post('[]')).code).toBe(400)
  expect((await post('"text"')).code).toBe(400)
  expect((await ask(server.socket, '/v1/nothing')).code).toBe(404)
  expect((await ask(server.socket, '/constructor')).code).toBe(404)
  expect((await ask(server.socket, '/v1/reconcile')).code).toBe(404)
  expect(asked).toEqual([])
  expect(await client.status()).toEqual(status)
})

test('a key that nobody knows is refused by name: what it asks for would not be done', async () => {
  const { server, asked } = await running()
  const selection = selectionOf(['/shop/tunnels.yaml'])
  for (const [path, body, key] of [
    ['plan', { select: selection }, 'select'],
    ['reconcile', { selection, force: true }, 'force'],
    ['reconcile', { selection: { ...selection, name: ['web'] } }, 'selection.name'],
    ['down', { name: ['web'] }, 'name'],
    ['restart', { names: ['web'], drainMs: 5 }, 'drainMs'],
    ['restart', { constructor: 1 }, 'constructor'],
  ] as const) {
    const { code, json } = await ask(server.socket, `/v1/${path}`, {
      method: 'POST',
      body: JSON.stringify(body),
    })
    expect([code, (json.problems as Problem[])[0]?.summary]).toEqual([
      400,
      `The request is no good: there is no ${key}`,
    ])
  }
  expect(asked).toEqual([])
})

test('a body over 1 MiB is refused before it is all read', async () => {
  const { server, client, asked } = await running()
  const outcome = await ask(server.socket, '/v1/reconcile', {
    method: 'POST',
    body: `{"x":"${'y'.repeat(3 * 1024 * 1024)}"}`,
  }).then(
    ({ code }) => code,
    (error) => (error as NodeJS.ErrnoException).code,
  )
  // Either the answer is read, or the connection is closed while the client is still sending.
  expect([413, 'EPIPE', 'ECONNRESET']).toContain(outcome)
  expect(asked).toEqual([])
  expect(await client.status()).toEqual(status)
})

test('a probe brings its answer, and ends when nobody waits for it any more', async () => {
  const { client, server, asked } = await running()
  const names = ['web']
  expect(await client.probe({ names, timeoutMs: 50 })).toEqual({ forwards: [{ name: 'web', problem: null }] })
  expect(asked).toEqual([['probe', { names, timeoutMs: 50 }]])
  for (const body of [
    { timeoutMs: 0 },
    { timeoutMs: 600_001 },
    { timeoutMs: '5s' },
    { names: 'web' },
    { name: [] },
  ])
    expect((await ask(server.socket, '/v1/probe', { method: 'POST', body: JSON.stringify(body) })).code).toBe(
      400,
    )
  const leaving = new AbortController()
  const left = client.probe({ names: ['hangs'] }, leaving.signal)
  await eventually(() => asked.length === 2)
  leaving.abort(new Error('left'))
  await expect(left).rejects.toThrow('left')
  await eventually(() => expect(asked.at(-1)).toEqual(['left', { names: ['hangs'] }]))
})

test('/readyz is what `status --check` says', async () => {
  const { server } = await running()
  expect((await ask(server.socket, '/readyz')).code).toBe(200)
  const failing = await newProject()
  const other = (await openControlServer(failing)) as ControlServer
  onTestFinished(() => other.close())
  const forward = { state: 'failed', health: 'unknown' } as Status['forwards'][number]
  const { control } = rememberingControl()
  await other.serve({ ...control, status: () => ({ ...status, forwards: [forward] }) })
  expect((await ask(other.socket, '/readyz')).code).toBe(503)
})

test('events arrive in order, and the stream ends with the server', async () => {
  const { client, emit, server, listeners } = await running()
  const stream = await client.openEvents(new AbortController().signal)
  const state = (name: string): Event => ({
    time: 'now',
    event: 'state',
    what: 'host',
    name,
    state: 'open',
    problem: null,
  })
  emit(state('a'))
  emit(state('b'))
  const names: string[] = []
  for await (const event of stream) {
    names.push(event.event === 'state' ? event.name : event.event)
    if (names.length === 2) void server.close()
  }
  expect(names).toEqual(['a', 'b', 'end'])
  expect(listeners.size).toBe(0)
})

test('a client that leaves is forgotten', async () => {
  const { client, emit, listeners } = await running()
  const leaving = new AbortController()
  const events = await client.openEvents(leaving.signal)
  expect(listeners.size).toBe(1)
  leaving.abort()
  await expect.poll(() => listeners.size).toBe(0)
  emit({ time: 'now', event: 'end' })
  expect(await collect(events)).toEqual([])
})

test('a client that does not read is cut off instead of filling the memory', async () => {
  const { server, emit, listeners } = await running()
  const lazy = connect(server.socket)
  onTestFinished(() => void lazy.destroy())
  lazy.on('error', () => {})
  lazy.pause()
  lazy.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n')
  await expect.poll(() => listeners.size).toBe(1)
  const event: Event = {
    time: 'x'.repeat(64 * 1024),
    event: 'plan',
    plan: { project: '', changes: [], summary: { open: 0, update: 0, reopen: 0, close: 0 } },
  }
  for (let sent = 0; sent < 200; sent++) emit(event)
  await expect.poll(() => listeners.size).toBe(0)
})

test('nothing that runs is NOT_RUNNING, also where a killed supervisor left its socket', async () => {
  const project = await newProject()
  expect(await openControlClient(project)).toBeNull()
  const server = (await openControlServer(project)) as ControlServer
  const client = (await openControlClient(project)) as ControlClient
  await server.close()
  await expect(client.status()).rejects.toMatchObject({ problems: [{ code: 'NOT_RUNNING' }] })
})

test('something that listens and is not tunnels is SUPERVISOR_UNREACHABLE, within a bound', async () => {
  const project = await newProject()
  mkdirSync(lockDirOf(project.place), { recursive: true, mode: 0o700 })
  const socket = join(lockDirOf(project.place), 'aaaaaaaa.sock')
  const impostor = createServer((client) => client.end('hello\n'))
  await new Promise<void>((resolve) => impostor.listen(socket, resolve))
  onTestFinished(() => void impostor.close())
  writeFileSync(socket.replace('.sock', '.json'), '{')
  const client = (await openControlClient(project)) as ControlClient
  await expect(client.status()).rejects.toMatchObject({ problems: [{ code: 'SUPERVISOR_UNREACHABLE' }] })
  expect(impostor.address() as AddressInfo | string).toBe(socket)
})

const everything: LogsRequest = { lines: null, since: null, names: [], level: 'info', follow: false }

async function collect<T>(lines: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = []
  for await (const line of lines) all.push(line)
  return all
}

test('the log is asked for as the person asked, and its lines come back', async () => {
  const { client, asked, server } = await running()
  const request: LogsRequest = {
    lines: 7,
    since: '2026-01-01T00:00:00.000Z',
    names: ['a b&c', 'web'],
    level: 'debug',
    follow: false,
  }
  const { signal } = new AbortController()
  expect(await collect(await client.openLogs(request, signal))).toMatchObject([{ event: 'start' }])
  expect(await collect(await client.openLogs(everything, signal))).toHaveLength(1)
  expect(asked).toEqual([
    ['readLog', request],
    ['readLog', everything],
  ])
  for (const wrong of ['lines=x', 'lines=-1', 'since=yesterday', 'level=loud', 'follow=perhaps'])
    expect((await ask(server.socket, `/v1/logs?${wrong}`)).code).toBe(400)
})

test('who follows the log gets each line, connections too, until the server ends', async () => {
  const { client, emit, server } = await running()
  const lines = await client.openLogs({ ...everything, follow: true }, new AbortController().signal)
  const seen: string[] = []
  for await (const { event } of lines) {
    seen.push(event)
    if (event === 'start') emit(connection)
    if (event === 'connection') void server.close()
  }
  expect(seen).toEqual(['start', 'connection'])
})

const connection: Event = {
  time: 'now',
  event: 'connection',
  what: 'forward',
  name: 'web',
  outcome: 'opened',
  from: null,
  to: null,
  ms: 0,
  bytes: { in: 0, out: 0 },
  problem: null,
}

test('connections are among the events only for who asks for them', async () => {
  const { client, emit, server } = await running()
  const { signal } = new AbortController()
  const [without, withThem] = [
    await client.openEvents(signal),
    await client.openEvents(signal, { connections: true }),
  ]
  emit(connection)
  await server.close()
  expect((await collect(without)).map(({ event }) => event)).toEqual(['end'])
  expect((await collect(withThem)).map(({ event }) => event)).toEqual(['connection', 'end'])
})

test('/metrics is what Prometheus reads, also where names would break it', async () => {
  const project = await newProject()
  const server = (await openControlServer(project)) as ControlServer
  onTestFinished(() => server.close())
  const forward = (more: Partial<ForwardStatus>) =>
    shownForward('web', {
      via: 'acme "one"\n',
      connections: { active: 1, draining: 0, total: 5, failed: 2, refused: 1 },
      bytes: { in: 100, out: 7 },
      ...more,
    })
  const draining = { active: 0, draining: 3, total: 10, failed: 0, refused: 0 }
  const forwards = [forward({}), forward({ state: 'draining', connections: draining })]
  const hosts = [shownHost('acme', { state: 'retrying', rttMs: 12.5, reconnects: 4 })]
  const next = { endpoint: 'me@acme:23', state: 'retrying' as const, since: status.supervisor.startedAt }
  const kept = { ...hosts[0]!, name: 'kept', state: 'open' as const, next }
  const world = { ...status, hosts: [...hosts, kept], forwards }
  await server.serve({ ...rememberingControl().control, status: () => world })
  const { code, headers, text } = await fetchText(server.socket, '/metrics')
  expect({ code, type: headers['content-type'] }).toEqual({
    code: 200,
    type: expect.stringContaining('text/plain; version=0.0.4'),
  })
  expect(text).toContain('tunnels_info{project="shop",version="1.2.3"} 1\n')
  expect(text).toContain('tunnels_host_up{project="shop",host="acme"} 0\n')
  expect(text).toContain('tunnels_host_replacing{project="shop",host="acme"} 0\n')
  expect(text).toContain('tunnels_host_replacing{project="shop",host="kept"} 1\n')
  expect(text).toContain('tunnels_host_reconnects_total{project="shop",host="acme"} 4\n')
  expect(text).toContain('tunnels_host_round_trip_seconds{project="shop",host="acme"} 0.0125\n')
  const labels = 'project="shop",host="acme \\"one\\"\\n",forward="web"'
  expect(text).toContain(`tunnels_forward_connections_total{${labels}} 15\n`)
  expect(text).toContain(`tunnels_forward_connections{${labels},state="draining"} 3\n`)
  expect(text).toContain(`tunnels_forward_received_bytes_total{${labels}} 200\n`)
  expect(text).toMatch(/^# TYPE tunnels_forward_connections_failed_total counter$/m)
  for (const line of text.trimEnd().split('\n')) expect(line).toMatch(/^($|#|[a-z_]+(\{.*\})? [0-9.e+-]+$)/)
})

function fetchText(
  socketPath: string,
  path: string,
): Promise<{ code: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
  return new Promise((resolve, reject) => {
    const sent = request({ socketPath, path, agent: false }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => resolve({ code: response.statusCode ?? 0, headers: response.headers, text }))
    })
    sent.on('error', reject).end()
  })
}

test('a client that never finishes its request keeps no supervisor from ending', async () => {
  const { server } = await running()
  const stuck = connect(server.socket)
  onTestFinished(() => void stuck.destroy())
  stuck.on('error', () => {}).write('POST /v1/reconcile HTTP/1.1\r\nHost: x\r\n')
  // Answered behind it: by then the server has heard the half.
  await ask(server.socket, '/healthz')
  await server.close()
})

test('an answer reaches who asked, and a question that is gone is a problem', async () => {
  const { client, asked } = await running()
  await client.answer({ id: 'a', answers: ['secret', ''] })
  await client.answer({ id: 'b', answers: null })
  expect(asked).toEqual([
    ['answer', { id: 'a', answers: ['secret', ''] }],
    ['answer', { id: 'b', answers: null }],
  ])
  await expect(client.answer({ id: 'gone', answers: null })).rejects.toMatchObject({
    problems: [{ code: 'USAGE' }],
  })
})

test('an answer that is none is refused, and what was in it is not said again', async () => {
  const { client, asked } = await running()
  for (const answers of [
    undefined,
    'secret',
    [1, 'secret'],
    Array(65).fill('secret'),
    ['secret'.repeat(4_000)],
  ]) {
    const refused = client.answer({ id: 'a', answers } as never)
    const problem = await refused.then(
      () => 'taken',
      (error: ProblemError) => error.problems[0],
    )
    expect(problem).toMatchObject({ code: 'USAGE' })
    expect(JSON.stringify(problem)).not.toContain('secret')
  }
  expect(asked).toEqual([])
})

test('who follows events with prompts is there to answer until the stream ends; nobody else is', async () => {
  const { client, asked } = await running()
  const [person, script] = [new AbortController(), new AbortController()]
  await client.openEvents(script.signal)
  await client.attend(person.signal)
  await eventually(() => expect(asked).toEqual([['attend', {}]]))
  person.abort()
  await eventually(() =>
    expect(asked).toEqual([
      ['attend', {}],
      ['leave', {}],
    ]),
  )
  script.abort()
})
