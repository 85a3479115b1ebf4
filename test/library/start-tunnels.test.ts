// The library against a real server: what opens, what is told when it does not, and that nothing is left.

import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { beforeAll, describe, expect, test } from 'vitest'
import { loadProject, ProblemError, type StartOptions, startTunnels, type Tunnels } from '../../src/index.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startEcho, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'

let server: Sshd
let echo: TestServer

beforeAll(async () => {
  server = await startSshd()
  echo = await startEcho()
})

/** A project whose forwards go through the server; `host` on top of what reaches it. */
function folderWith(forwards: object, host: object = {}): TestFolder {
  const folder = testFolder()
  const { port, user, identityFile, hostKeyFingerprint } = server
  const acme = { hostname: '127.0.0.1', port, user, identity_file: identityFile, ssh_config: false }
  const hosts = { acme: { ...acme, identities_only: true, host_keys: [hostKeyFingerprint], ...host } }
  folder.write('tunnels.yaml', JSON.stringify({ hosts, forwards }))
  return folder
}

async function start(folder: TestFolder, options: StartOptions = {}): Promise<Tunnels> {
  const tunnels = await startTunnels({ cwd: folder.path, env: { HOME: folder.path }, ...options })
  atEnd(() => tunnels.close())
  return tunnels
}

async function codesOf(work: Promise<unknown>): Promise<string[]> {
  const error = await work.then(
    () => null,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(ProblemError)
  return (error as ProblemError).problems.map(({ code }) => code)
}

async function echoed(tunnels: Tunnels, name: string, text: string): Promise<string> {
  const address = tunnels.address(name)
  const socket = connect(address as { host: string; port: number })
  socket.setEncoding('utf8').end(text)
  let back = ''
  for await (const chunk of socket) back += chunk
  return back
}

async function isRefused(port: number): Promise<boolean> {
  const socket = connect(port, '127.0.0.1')
  const [error] = await once(socket, 'error').catch((reason) => [reason])
  return error.code === 'ECONNREFUSED'
}

test('what startTunnels gives is open and carries bytes, two projects beside each other, until they are closed', async () => {
  const [one, other] = [await freePort(), await freePort()]
  const first = await start(folderWith({ db: { via: 'acme', local: one, to: echo.port } }))
  const second = await start(
    folderWith({
      db: {
        via: 'acme',
        local: other,
        to: echo.port,
        env: { DATABASE_URL: 'postgres://{host}:{port}/shop' },
      },
      browse: { via: 'acme', dynamic: 'auto' },
      docker: { via: 'acme', local: './x.sock', to: echo.port },
    }),
  )
  expect(first.address('db')).toEqual({ host: '127.0.0.1', port: one })
  expect(second.address('docker')).toEqual({ path: expect.stringMatching(/\/x\.sock$/) })
  expect(await echoed(first, 'db', 'one')).toBe('one')
  expect(await echoed(second, 'db', 'two')).toBe('two')
  expect(second.status().forwards.map(({ name, state }) => [name, state])).toEqual([
    ['db', 'open'],
    ['browse', 'open'],
    ['docker', 'open'],
  ])
  expect(second.env()).toMatchObject({
    DATABASE_URL: `postgres://127.0.0.1:${other}/shop`,
    DB_PORT: String(other),
    DOCKER_SOCKET: expect.stringMatching(/\/x\.sock$/),
  })
  expect(() => first.address('nothing')).toThrow(/nothing/)
  await first.close()
  await first.close()
  expect(await isRefused(one)).toBe(true)
  expect(await echoed(second, 'db', 'still')).toBe('still')
})

test('a healthcheck of the file is waited for until it passes, unless open is enough, and said when time is up', async () => {
  const port = await freePort()
  const healthcheck = { type: 'connect', interval: '1h' }
  const folder = folderWith({
    db: { via: 'acme', local: 'auto', to: port, healthcheck },
    // What it leads to may be started by this program.
    hook: { via: 'acme', remote: 'auto', to: port, healthcheck },
  })
  const options = { trust: true }
  expect(await codesOf(start(folder, { ...options, timeoutMs: 3_000 }))).toEqual(['TARGET_REFUSED'])
  const open = await start(folder, { ...options, healthy: false })
  await eventually(() => expect(open.status().forwards[0]?.state).toBe('open'))
  await open.close()
  let isThere = false
  const starting = start(folder, options).then((tunnels) => [isThere, tunnels.status().forwards[0]?.health])
  await eventually(async () => expect(await isRefused(port)).toBe(true))
  isThere = true
  await startEcho({ port })
  expect(await starting).toEqual([true, 'healthy'])
})

test('the end of a block closes them', async () => {
  const port = await freePort()
  const tunnels = await start(folderWith({ db: { via: 'acme', local: port, to: echo.port } }))
  await tunnels[Symbol.asyncDispose]()
  expect(await isRefused(port)).toBe(true)
})

test('an edit is applied by reload, or with `watch` by itself, and a broken one changes nothing', async () => {
  const folder = folderWith({ db: { via: 'acme', local: await freePort(), to: echo.port } })
  const tunnels = await start(folder, { watch: true })
  const events: string[] = []
  const stop = tunnels.watchEvents(({ event }) => void events.push(event))
  const edited = folderWith({ other: { via: 'acme', local: 'auto', to: echo.port } })
  folder.write('tunnels.yaml', readFileSync(edited.join('tunnels.yaml'), 'utf8'))
  await eventually(() =>
    tunnels.status().forwards.some(({ name, state }) => name === 'other' && state === 'open'),
  )
  expect(await echoed(tunnels, 'other', 'edited')).toBe('edited')
  expect(events).toContain('plan')
  stop()
  folder.write('tunnels.yaml', 'forwards: [')
  expect(await codesOf(tunnels.reload())).toContain('CONFIG_SYNTAX')
  expect(await echoed(tunnels, 'other', 'goes on')).toBe('goes on')
})

describe('rejects, and leaves nothing open', () => {
  test('where the file is wrong', async () => {
    const folder = testFolder()
    folder.write('tunnels.yaml', 'forwards:\n  web: -L 99999:x:1 acme\n  db: { vai: acme }\n')
    expect((await codesOf(start(folder))).length).toBeGreaterThan(1)
    const { project, problems } = await loadProject({ cwd: folder.path })
    expect([project, problems.every(({ at }) => at?.file === folder.join('tunnels.yaml'))]).toEqual([
      null,
      true,
    ])
  })

  test('where it waits for trust, which nobody remembers', async () => {
    const folder = folderWith({ web: { via: 'acme', remote: 'auto', to: echo.port } })
    expect(await codesOf(start(folder))).toEqual(['UNTRUSTED'])
    expect((await start(folder, { trust: true })).status().forwards[0]?.state).toBe('open')
    expect(await codesOf(start(folder))).toEqual(['UNTRUSTED'])
  })

  test('where a host refuses, at once; where a port is taken, when time is up', async () => {
    const taken = createServer().listen(0, '127.0.0.1')
    await once(taken, 'listening')
    atEnd(() => void taken.close())
    const { port } = taken.address() as AddressInfo
    const db = { via: 'acme', local: await freePort(), to: echo.port }
    expect(
      await codesOf(
        start(folderWith({ db }, { host_keys: ['SHA256:eUXGGm1YGsMAS7vkcx6JOJdOGHPem5gQp4taiCfCLB8'] })),
      ),
    ).toEqual(['HOST_KEY_CHANGED'])
    const web = { via: 'acme', local: `127.0.0.1:${port}`, to: echo.port }
    expect(await codesOf(start(folderWith({ db, web }), { timeoutMs: 2_000 }))).toEqual(['PORT_IN_USE'])
    expect(await isRefused(db.local)).toBe(true)
  })

  test('where the caller has had enough', async () => {
    const leaving = new AbortController()
    const starting = start(
      folderWith({ db: { via: 'acme', local: 'auto', to: 1 } }, { port: await freePort() }),
      {
        signal: leaving.signal,
      },
    )
    leaving.abort(new Error('enough'))
    await expect(starting).rejects.toThrow('enough')
  })
})

test('nothing of the process is changed', async () => {
  const before = [process.cwd(), ...process.eventNames().map((name) => process.listenerCount(name))]
  const tunnels = await start(folderWith({ db: { via: 'acme', local: 'auto', to: echo.port } }))
  expect([process.cwd(), ...process.eventNames().map((name) => process.listenerCount(name))]).toEqual(before)
  await tunnels.close()
})
