// The dashboard's server under attack: from a page of elsewhere, from another user of this machine, from whoever sends
// anything. Nobody is shown or asked to do anything but its own page, opened with the token.

import { request } from 'node:http'
import { connect, type Socket } from 'node:net'
import { expect, test } from 'vitest'
import { type ControlClient, openControlClient } from '../../src/control/client.ts'
import type { Control, Event } from '../../src/control/protocol.ts'
import { openControlServer } from '../../src/control/server.ts'
import { openDashboard } from '../../src/dashboard/dashboard.ts'
import type { News } from '../../src/dashboard/news.ts'
import { ProblemError } from '../../src/model/problem.ts'
import { newProject, plan, quietControl, status } from '../control/quiet-control.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'

const parts = { script: 'main()', style: 'p{}', againScript: 'again()' }

/** A supervisor's control socket whose Control remembers what it was asked to change. */
async function startControl(project: Awaited<ReturnType<typeof newProject>>) {
  const server = (await openControlServer(project))!
  const acted: string[] = []
  const watchers = new Set<(event: Event) => void>()
  const web = { name: 'web', kind: 'local', via: 'acme', selected: false } as const
  const control: Control = {
    ...quietControl,
    addresses: () => ({ forwards: [{ ...web, address: null, variables: null, problem: null }] }),
    reconcile: async (body) => {
      acted.push(`reconcile ${JSON.stringify(body)}`)
      return { plan, problems: [] }
    },
    restart: async () => {
      throw new ProblemError({ code: 'UNTRUSTED', summary: 'It waits for trust' })
    },
    down: async (body) => void acted.push(`down ${JSON.stringify(body)}`),
    lease: async () => {
      throw new ProblemError({ code: 'USAGE', summary: 'A dashboard holds nothing' })
    },
    watchEvents: (listener) => {
      watchers.add(listener)
      return () => watchers.delete(listener)
    },
    readLog: async (_request, tell, signal) => {
      tell({ level: 'info', time: '2026-01-01T00:00:00.000Z', event: 'start', pid: 1, version: '<b>\u202e' })
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
    },
  }
  await server.serve(control)
  atEnd(() => server.close())
  return { server, acted, watching: () => watchers.size }
}

async function shown(find: () => Promise<ControlClient | null>) {
  const dashboard = await openDashboard({ find, project: 'shop', parts })
  atEnd(() => dashboard.close())
  const url = new URL(dashboard.url)
  const token = url.searchParams.get('token')!
  return { dashboard, port: Number(url.port), token, own: { 'tunnels-token': token, origin: url.origin } }
}

interface Answer {
  status: number
  headers: Record<string, unknown>
  text: string
}

/** With exactly these headers, and Host as said (default: ours). */
function ask(port: number, call: string, headers: Record<string, string> = {}, body = ''): Promise<Answer> {
  const [method, path] = call.split(' ')
  return new Promise((resolve, reject) => {
    const all = { host: `127.0.0.1:${port}`, ...headers }
    const sent = request(
      { port, host: '127.0.0.1', method, path, headers: all, agent: false },
      (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (chunk: string) => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }))
      },
    )
    sent.once('error', reject)
    sent.end(body)
  })
}

function webSocket(origin: string): Record<string, string> {
  return { origin, connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' }
}

/** The lines of news so far, for as long as the test runs. */
function readNews(port: number, token: string): { news: News[]; leave(): void } {
  const news: News[] = []
  let rest = ''
  const headers = { host: `127.0.0.1:${port}`, 'tunnels-token': token }
  const sent = request({ port, host: '127.0.0.1', path: '/news', headers, agent: false }, (response) => {
    response.setEncoding('utf8').on('data', (chunk: string) => {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop()!
      news.push(...lines.map((line) => JSON.parse(line) as News))
    })
    response.on('error', () => {})
  })
  sent.on('error', () => {}).end()
  atEnd(() => void sent.destroy())
  return { news, leave: () => void sent.destroy() }
}

test('nobody gets anything without the token, under another name, or from another page', async () => {
  const project = await newProject()
  const { acted } = await startControl(project)
  const { port, token, own } = await shown(() => openControlClient(project))
  const page = `GET /?token=${token}`
  const web = JSON.stringify({ name: 'web' })
  const bad = `${token.slice(0, -1)}${token.endsWith('A') ? 'B' : 'A'}`
  const refused: [string, string, Record<string, string>][] = [
    ['the page without it', 'GET /', {}],
    ['the page with a wrong one', `GET /?token=${bad}`, {}],
    ['the page with an empty one', 'GET /?token=', {}],
    ['the page with it in the wrong place', 'GET /', own],
    ['the news without it', 'GET /news', {}],
    ['the news with it in the URL', `GET /news?token=${token}`, {}],
    ['the news with half of it', 'GET /news', { 'tunnels-token': token.slice(0, 20) }],
    ['the news with a cookie', 'GET /news', { cookie: `tunnels-token=${token}` }],
    ['a page under a name of its own', page, { host: `evil.example:${port}` }],
    ['news under a name of its own', 'GET /news', { ...own, host: `localhost.evil.example:${port}` }],
    ['another port in Host', page, { host: '127.0.0.1:1' }],
    ['no port in Host', page, { host: '127.0.0.1' }],
    ['news for another origin', 'GET /news', { ...own, origin: 'https://evil.example' }],
    ['news for no origin', 'GET /news', { ...own, origin: 'null' }],
    ['another port of this machine', 'GET /news', { ...own, origin: 'http://127.0.0.1:1' }],
    ['a fetch of another page', 'GET /news', { 'tunnels-token': token, 'sec-fetch-site': 'cross-site' }],
    ['a fetch of another port', 'GET /news', { 'tunnels-token': token, 'sec-fetch-site': 'same-site' }],
    ['a frame', page, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'iframe' }],
    ['a script', page, { 'sec-fetch-site': 'cross-site', 'sec-fetch-dest': 'script' }],
    ['a POST without it', 'POST /close', { origin: own.origin }],
    ['a POST without Origin', 'POST /close', { 'tunnels-token': token }],
    ['a POST for another origin', 'POST /close', { ...own, origin: 'https://evil.example' }],
    [
      'a preflight',
      'OPTIONS /close',
      { origin: 'https://evil.example', 'access-control-request-method': 'POST' },
    ],
    ['what is not there, without it', 'GET /etc/passwd', {}],
    ['a WebSocket of another page', `GET /news?token=${token}`, webSocket('https://evil.example')],
    ['a WebSocket without it', 'GET /news', webSocket(own.origin)],
    ['the page by a whole address', `GET http://127.0.0.1:${port}/?token=${token}`, {}],
    ['the page with two of them', `GET /?token=${bad}&token=${token}`, {}],
    ['all interfaces as a name', page, { host: `0.0.0.0:${port}` }],
    ['a name that is our address', page, { host: `127.0.0.1.nip.io:${port}` }],
    ['our address with a dot', page, { host: `127.0.0.1.:${port}` }],
  ]
  for (const [what, call, headers] of refused) {
    const { status, headers: got, text } = await ask(port, call, headers, call.startsWith('POST') ? web : '')
    expect(`${what}: ${status}`).toBe(`${what}: 403`)
    expect(text, what).not.toMatch(/shop|main\(\)/)
    expect(Object.keys(got).filter((name) => name.startsWith('access-control'))).toEqual([])
    expect(got['cache-control']).toBe('no-store')
  }
  expect(acted).toEqual([])

  const { status: code, headers, text } = await ask(port, page, { 'sec-fetch-site': 'none' })
  expect(code).toBe(200)
  expect(text).toContain('<script>main()</script>')
  expect(text).not.toContain(token)
  expect(headers).toMatchObject({
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
    'cross-origin-resource-policy': 'same-origin',
    'content-security-policy': expect.stringMatching(
      /^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/,
    ),
  })
  expect(headers['set-cookie']).toBeUndefined()
  expect(headers['content-security-policy']).not.toMatch(/unsafe|\*|https?:/)
  // From somebody's web terminal.
  const linked = {
    'sec-fetch-site': 'cross-site',
    'sec-fetch-mode': 'navigate',
    'sec-fetch-dest': 'document',
  }
  expect((await ask(port, page, linked)).status).toBe(200)
})

test('with the token one forward is restarted, closed or opened, and nothing else can be asked for', async () => {
  const project = await newProject()
  const { acted } = await startControl(project)
  const { port, own } = await shown(() => openControlClient(project))
  const post = (path: string, body: string) => ask(port, `POST ${path}`, own, body)
  const web = JSON.stringify({ name: 'web' })
  expect((await post('/close', web)).status).toBe(200)
  expect((await post('/open', web)).status).toBe(200)
  expect(acted).toEqual(['down {"names":["web"]}', 'reconcile {"names":["web"]}'])
  const untrusted = await post('/restart', web)
  expect([untrusted.status, JSON.parse(untrusted.text).problems[0].code]).toEqual([400, 'UNTRUSTED'])

  const bodies = [
    '',
    '{}',
    '[]',
    'null',
    '{"name":["web"]}',
    '{"name":"acme"}',
    '{"name":"__proto__"}',
    '{"names":["web"]}',
  ]
  for (const body of bodies) expect(`${body} ${(await post('/close', body)).status}`).toBe(`${body} 400`)
  expect((await post('/close', JSON.stringify({ name: 'x'.repeat(5_000) }))).status).toBe(413)
  for (const call of [
    'POST /down',
    'POST /v1/down',
    'GET /close',
    'PUT /close',
    'POST /',
    'GET /v1/status',
    'GET //news',
  ])
    expect(`${call} ${(await ask(port, call, own)).status}`).toBe(`${call} 404`)
  expect(acted).toHaveLength(2)
})

test('who fills it up, or sends no HTTP, keeps nobody out for long', async () => {
  const project = await newProject()
  await startControl(project)
  const { port, token } = await shown(() => openControlClient(project))
  const idle: Socket[] = []
  atEnd(() => {
    for (const socket of idle) socket.destroy()
  })
  const words = [
    '',
    'hello\r\n\r\n',
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(50_000)}\r\n\r\n`,
    'CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n',
    'POST /close HTTP/1.1\r\n',
  ]
  for (let at = 0; at < 200; at++) {
    const socket = connect(port, '127.0.0.1').on('error', () => {})
    socket.write(words[at % words.length]!)
    idle.push(socket)
  }
  await eventually(async () => expect((await ask(port, `GET /?token=${token}`)).status).toBe(200), {
    timeoutMs: 60_000,
  })
})

test('a page is told of a supervisor that comes, goes and comes back; nobody is asked while no page is open', async () => {
  const project = await newProject()
  const { port, token } = await shown(() => openControlClient(project))
  const first = readNews(port, token)
  const told = (tell: News['tell']) => first.news.filter((news) => news.tell === tell)
  await eventually(() => told('gone').length > 0)
  expect(told('gone')[0]).toMatchObject({ project: 'shop', problem: { code: 'NOT_RUNNING' } })

  const { server, watching } = await startControl(project)
  await eventually(() => told('look').length > 0 && told('plan').length > 0 && told('log').length > 0)
  expect(told('look')[0]).toMatchObject({ status })
  expect(told('plan')[0]).toMatchObject({ plan: { changes: [], closed: [{ name: 'web', via: 'acme' }] } })
  expect(told('log')[0]).toMatchObject({
    isAnew: true,
    lines: [{ texts: ['tunnels <b>\\u202e begins (process 1)'] }],
  })
  const second = readNews(port, token)
  await eventually(() => second.news.some(({ tell }) => tell === 'log'))
  expect(watching()).toBe(1)

  const before = told('gone').length
  await server.close()
  await eventually(() => told('gone').length > before)
  const again = await startControl(project)
  const looks = told('look').length
  await eventually(() => told('look').length > looks)
  first.leave()
  second.leave()
  await eventually(() => again.watching() === 0)
})
