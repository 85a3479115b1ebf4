// The control socket under attack from the account that may open it: whatever a browser, a broken script or a fuzzer
// sends, nobody is asked to act on it, others are answered all the while, and nothing of it stays.

import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type ControlClient, openControlClient } from '../../src/control/client.ts'
import { lockDirOf } from '../../src/control/paths.ts'
import type { Control } from '../../src/control/protocol.ts'
import { type ControlServer, openControlServer } from '../../src/control/server.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { newProject, plan, quietControl, status } from './quiet-control.ts'

/** Remembers whatever would act. */
async function running() {
  const project = await newProject()
  const server = (await openControlServer(project)) as ControlServer
  atEnd(() => server.close())
  const acted: string[] = []
  let watching = 0
  const act =
    <T>(what: string, answer: T) =>
    async () => {
      acted.push(what)
      return answer
    }
  const control: Control = {
    ...quietControl,
    reconcile: act('reconcile', { plan, problems: [] }),
    restart: act('restart', { plan, problems: [] }),
    down: act('down', undefined),
    answer: act('answer', undefined),
    watchEvents: () => {
      watching++
      return () => watching--
    },
  }
  await server.serve(control)
  const client = (await openControlClient(project)) as ControlClient
  return { ...project, server, client, acted, watching: () => watching }
}

/** Sends `text` as it is; resolves with all that comes until the other side ends or resets. */
function raw(socketPath: string, text: string | Buffer): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(socketPath)
    let answer = ''
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      answer += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
    socket.write(text)
  })
}

const post = (path: string, body: string, headers = '') =>
  `POST ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${headers}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

test('what is no HTTP is ended, and the next is answered', async () => {
  const { server, client, acted } = await running()
  const attacks: (string | Buffer)[] = [
    'hello\r\n\r\n',
    Buffer.alloc(100_000, 0xff),
    `GET /${'x'.repeat(200_000)} HTTP/1.1\r\n\r\n`,
    `GET / HTTP/1.1\r\n${'x: y\r\n'.repeat(10_000)}\r\n`,
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(200_000)}\r\n\r\n`,
    'GET / HTTP/9.9\r\n\r\n',
    'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n',
    'POST /v1/down HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n',
    'POST /v1/down HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}',
    'POST /v1/down HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    'CONNECT localhost:22 HTTP/1.1\r\nHost: x\r\n\r\n',
    'GET /v1/status HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03',
  ]
  const answers = await Promise.all(attacks.map((attack) => raw(server.socket, attack)))
  for (const [index, answer] of answers.entries())
    expect(`${index}: ${answer.slice(0, 12)}`).toMatch(/^\d+: (HTTP\/1\.1 (4\d\d|200)|)$/)
  expect(acted).toEqual([])
  expect(await client.status()).toEqual(status)
})

test.each([
  ['a form', 'Content-Type: application/x-www-form-urlencoded\r\n', 'names=web'],
  ['a page of elsewhere', 'Origin: https://evil.example\r\nContent-Type: text/plain\r\n', '{}'],
  ['a page of nowhere', 'Origin: null\r\nContent-Type: text/plain\r\n', '{"names":["web"]}'],
  ['a fetch', 'Sec-Fetch-Site: cross-site\r\nContent-Type: application/json\r\n', '{}'],
])('a browser that a proxy lets through to here, with %s: nobody acts', async (_what, headers, body) => {
  const { server, acted } = await running()
  for (const path of ['/v1/down', '/v1/reconcile', '/v1/restart'])
    expect(await raw(server.socket, post(path, body, headers))).toMatch(/^HTTP\/1\.1 4\d\d /)
  expect(acted).toEqual([])
})

test('bodies of every wrong shape are refused', async () => {
  const { server, acted } = await running()
  const bodies = [
    'null',
    '0',
    '"x"',
    '[[]]',
    '{"names":"web"}',
    '{"names":[1]}',
    '{"names":[null]}',
    '{"names":{"length":1}}',
    '{"drainMs":-1}',
    '{"drainMs":"1"}',
    '{"drainMs":1e999}',
    `${'['.repeat(100_000)}`,
    `{"a":${'['.repeat(50_000)}${']'.repeat(50_000)}`,
    '{"names":["\ud800"',
  ]
  for (const body of bodies)
    expect(`${body.slice(0, 40)} ${await raw(server.socket, post('/v1/down', body))}`).toMatch(
      / HTTP\/1\.1 400 /,
    )
  const selections = ['1', '[]', '{}', '{"files":[1]}', '{"files":["/x"],"__proto__":{"envFile":null}}']
  for (const selection of selections)
    expect(await raw(server.socket, post('/v1/reconcile', `{"selection":${selection}}`))).toMatch(
      /^HTTP\/1\.1 400 /,
    )
  expect(acted).toEqual([])
  expect(({} as { envFile?: unknown }).envFile).toBeUndefined()
})

test('200 who connect and say nothing, or half a request, keep nobody out and do not hold up the end', async () => {
  const { server, client, acted } = await running()
  const idle: Socket[] = []
  atEnd(() => {
    for (const socket of idle) socket.destroy()
  })
  for (let at = 0; at < 200; at++) {
    const socket = connect(server.socket).on('error', () => {})
    if (at % 2) socket.write('POST /v1/down HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n{')
    idle.push(socket)
  }
  expect(await client.status()).toEqual(status)
  await server.close()
  expect(acted).toEqual([])
})

test('requests in a row on one connection, faster than they are answered, are answered one by one and then ended', async () => {
  const { server, client } = await running()
  const many = 'GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(2_000)
  const answer = await raw(server.socket, many)
  expect(answer.match(/HTTP\/1\.1 200/g)?.length ?? 0).toBeLessThan(10)
  expect(await client.status()).toEqual(status)
})

test('who listens to events and leaves in any way is forgotten', async () => {
  const { server, watching } = await running()
  const sockets = Array.from({ length: 50 }, () => connect(server.socket).on('error', () => {}))
  for (const socket of sockets) socket.write('GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n')
  await eventually(() => watching() === 50)
  for (const [index, socket] of sockets.entries()) index % 2 ? socket.destroy() : socket.end()
  await eventually(() => watching() === 0)
})

test.each<[string, (path: string, elsewhere: string) => void]>([
  ['a link to a folder', (path, elsewhere) => symlinkSync(elsewhere, path)],
  ['a link to nowhere', (path, elsewhere) => symlinkSync(join(elsewhere, 'no'), path)],
  ['a file', (path) => writeFileSync(path, 'mine')],
  [
    'a folder with files',
    (path) => {
      mkdirSync(path)
      writeFileSync(join(path, 'notes'), 'mine')
    },
  ],
])('where the lock belongs there is %s: what is elsewhere stays as it is', async (_what, put) => {
  const project = await newProject()
  const elsewhere = testFolder()
  elsewhere.write('precious.sock', 'mine')
  elsewhere.write('precious', 'mine')
  mkdirSync(project.env.TUNNELS_RUNTIME_DIR, { mode: 0o700 })
  put(lockDirOf(project.place), elsewhere.path)
  const server = await openControlServer(project).catch((error: Error) => error)
  if (server && !(server instanceof Error)) await server.close()
  expect(readdirSync(elsewhere.path).sort()).toEqual(['precious', 'precious.sock'])
  expect(readFileSync(elsewhere.join('precious'), 'utf8')).toBe('mine')
})

test.each([0o777, 0o770, 0o722])(
  'a runtime folder of mode %o is refused, and stays as it is',
  async (mode) => {
    const project = await newProject()
    const folder = project.env.TUNNELS_RUNTIME_DIR
    mkdirSync(folder)
    chmodSync(folder, mode)
    await expect(openControlServer(project)).rejects.toMatchObject({
      problems: [{ code: 'LISTEN_FORBIDDEN' }],
    })
    await expect(openControlClient(project)).rejects.toMatchObject({
      problems: [{ code: 'LISTEN_FORBIDDEN' }],
    })
    expect(lstatSync(folder).mode & 0o777).toBe(mode)
    expect(readdirSync(folder)).toEqual([])
    expect(existsSync(lockDirOf(project.place))).toBe(false)
  },
)
