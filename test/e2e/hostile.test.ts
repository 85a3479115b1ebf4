// People and machines that mean harm, against the built binary: what they send reaches no terminal raw, what is
// secret stands nowhere, and whoever comes in too great a number is refused while everybody else is served.

import { execFile } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { type CliProject, project } from '../helpers/cli.ts'
import { exchange, failureOf } from '../helpers/clients.ts'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { isFull } from '../helpers/sample.ts'
import { startEcho } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { forwardedTcpip, MSG, NASTY, string, uint32 } from '../ssh/hostile-server.ts'
import { everythingSaid, expectClean, projectViaHostile } from './hostile-project.ts'
import { forwardOf, forwardWhen, projectVia } from './project-via.ts'

type Yaml = Record<string, unknown>

describe('a server gone bad', () => {
  test('nothing that it says reaches a terminal raw, and the log stays readable', async () => {
    const port = await freePort()
    const { server, cli } = await projectViaHostile(
      {
        web: { local: port, to: 'db:5432', description: 'plain' },
        hook: { remote: 7000, to: 'localhost:9', allow_from: ['10.0.0.0/8'] },
      },
      { banner: NASTY, onTcpip: () => {} },
    )
    const up = cli.start(['up', '--trust', '--verbose'])
    await eventually(async () => (await forwardOf(cli, 'web')).state === 'open')
    await forwardWhen(cli, 'hook', ({ state }) => state === 'open')
    const peer = await server.peer()

    peer.send(...forwardedTcpip('localhost', 7000, NASTY.repeat(50)))
    await forwardWhen(cli, 'hook', ({ connections }) => connections.refused === 1)
    const knocking = failureOf(port)
    await forwardWhen(cli, 'web', ({ connections }) => connections.active === 1)
    peer.send(MSG.CHANNEL_OPEN_FAILURE, uint32(1), uint32(2), string(NASTY), string(''))
    peer.send(MSG.CHANNEL_OPEN_FAILURE, uint32(2), uint32(2), string(NASTY), string(''))
    await forwardWhen(cli, 'web', ({ connections }) => connections.failed === 1)
    expect(await knocking).toBe('ECONNRESET')
    const during = await everythingSaid(cli)
    peer.send(MSG.DISCONNECT, uint32(2), string(NASTY), string(''))
    await eventually(() => server.connections() > 1)
    await forwardWhen(cli, 'web', ({ state }) => state === 'open')

    const after = await everythingSaid(cli)
    await cli.down()
    const { stdout, stderr } = await up.ended
    for (const text of [during, after, stdout, stderr]) expectClean(text)
    expect(after).toContain('forged: line')
    expect(after).not.toMatch(/^forged: line/m)
  })

  test('a session that is not let in, over and over: its state tells, and it ends at a word', async () => {
    const { cli } = await projectViaHostile(
      { web: { local: await freePort(), to: 'db:5432' } },
      { onAuthentication: (attempt) => attempt.reject([NASTY] as never) },
    )
    const up = await cli.run(['up', '-d', '--trust'])
    expect(up.code).toBe(1)
    expectClean(up.stdout + up.stderr)
    const said = await everythingSaid(cli)
    expectClean(said)
    expect((await forwardOf(cli, 'web')).state).toBe('failed')
  })

  test('a server that answers no request: `down` ends at once all the same', async () => {
    const port = await freePort()
    const { cli } = await projectViaHostile({ web: { local: port, to: 'db:5432' } }, { onTcpip: () => {} })
    await cli.up()
    const clients = Array.from({ length: 50 }, () => failureOf(port))
    await forwardWhen(cli, 'web', ({ connections }) => connections.active === 50)
    await cli.down()
    expect(await Promise.all(clients)).toEqual(Array(50).fill('ECONNRESET'))
  })
})

describe('too many', () => {
  const few = { prefix: ['/bin/sh', '-c', 'ulimit -n 256; exec "$0" "$@"'] }

  test('beyond the descriptor limit: refused and said, while the supervisor goes on', async () => {
    const [sshd, echo, port] = await Promise.all([startSshd(), startEcho(), freePort()])
    const cli = projectVia(sshd, { web: { local: port, to: `127.0.0.1:${echo.port}` } })
    await cli.up([], few)
    const held: Socket[] = []
    atEnd(() => {
      for (const socket of held) socket.destroy()
    })
    let refused = 0
    for (let at = 0; at < 400; at++) {
      const socket = connect(port, '127.0.0.1').on('error', () => refused++)
      held.push(socket)
    }
    const full = await forwardWhen(cli, 'web', ({ connections }) => connections.total === 400)
    expect(full.connections.refused).toBeGreaterThan(100)
    expect(full.connections.active + full.connections.refused).toBe(400)
    expect(full.problem).toMatchObject({ code: 'LIMIT_REACHED', hint: expect.stringContaining('ulimit -n') })
    await eventually(() => refused === full.connections.refused)
    expect((await cli.run(['status'])).stdout).toContain('256 files and connections')

    for (const socket of held) socket.destroy()
    await forwardWhen(cli, 'web', ({ connections, problem }) => connections.active === 0 && problem === null)
    expect((await exchange(port, 'still here')).toString()).toBe('still here')
    expect(sshd.connections()).toBe(1)
  })

  test('a server that opens them: what it may have here is bounded, too', async () => {
    const echo = await startEcho()
    const { server, cli } = await projectViaHostile({ hook: { remote: 7000, to: `127.0.0.1:${echo.port}` } })
    await cli.up([], few)
    const peer = await server.peer()
    for (let sent = 0; sent < 3_000; sent++) peer.send(...forwardedTcpip('localhost', 7000))
    const full = await forwardWhen(cli, 'hook', ({ connections }) => connections.total === 3_000)
    expect(full.connections.refused).toBeGreaterThan(2_700)
    // Some of those counted as active are still being dialled when all have knocked.
    await eventually(async () => {
      const { active } = (await forwardOf(cli, 'hook')).connections
      expect(peer.heard('CHANNEL_OPEN_CONFIRMATION')).toBe(active)
      expect(echo.open()).toBe(active)
    })
    peer.socket.destroy()
    await forwardWhen(cli, 'hook', ({ state, connections }) => state === 'open' && connections.active === 0)
    await eventually(() => echo.open() === 0)
  })

  test('beyond max_connections: refused and said; those that neither read nor write keep nobody out', async () => {
    const [sshd, echo, port] = await Promise.all([startSshd(), startEcho(), freePort()])
    const cli = projectVia(sshd, { web: { local: port, to: `127.0.0.1:${echo.port}`, max_connections: 20 } })
    await cli.up()
    const held = Array.from({ length: 300 }, () => connect(port, '127.0.0.1').on('error', () => {}))
    atEnd(() => {
      for (const socket of held) socket.destroy()
    })
    const full = await forwardWhen(cli, 'web', ({ connections }) => connections.total === 300)
    expect(full.connections).toMatchObject({ active: 20, refused: 280 })
    expect(full.problem?.code).toBe('LIMIT_REACHED')
    for (const socket of held) socket.destroy()
    await forwardWhen(cli, 'web', ({ connections }) => connections.active === 0)
    expect((await exchange(port, 'x')).toString()).toBe('x')
  })
})

describe('secrets', () => {
  const CANARY = 'c4n4ry-do-not-print'

  test('stand in no output, no log, no state, and neither in the arguments nor in the environment of the supervisor', async () => {
    const [sshd, port] = await Promise.all([startSshd(), freePort()])
    const cli = projectVia(sshd, {
      browse: { dynamic: port, auth: { username: 'me', password_env: 'TUNNELS_PROXY_PASSWORD' } },
      web: { local: await freePort(), to: 'localhost:1', description: 'at ${SITE}' },
    })
    const env = {
      TUNNELS_PROXY_PASSWORD: CANARY,
      SITE: 'home',
      NODE_AUTH_TOKEN: CANARY,
      AWS_SECRET_ACCESS_KEY: CANARY,
    }
    const up = await cli.up(['--verbose'], { env })
    const { pid } = (await cli.status()).supervisor
    const proxy = ['-q', '-sS', '--max-time', '10', '--proxy', `socks5h://me:${CANARY}@127.0.0.1:${port}`]
    await promisify(execFile)('curl', [...proxy, `http://127.0.0.1:${await freePort()}/`]).catch(() => {})
    await forwardWhen(cli, 'browse', ({ connections }) => connections.failed === 1)

    const key = readFileSync(sshd.identityFile, 'utf8').split('\n')[2]!
    const said = [
      up.stdout + up.stderr,
      await everythingSaid(cli),
      ...['cmdline', 'environ'].map((name) => readFileSync(`/proc/${pid}/${name}`, 'utf8')),
      ...filesIn(join(cli.folder, '.state')),
      ...filesIn(join(cli.folder, '.runtime')),
    ]
    for (const text of said) {
      expect(text).not.toContain(CANARY)
      expect(text).not.toContain(key)
    }
    // The look was at the right place.
    expect(said.join()).toContain('browse')
  })

  test('what a variable holds is in no problem', async () => {
    const places: Record<string, Yaml>[] = [
      { hosts: { acme: { hostname: '${SECRET}' } } },
      { hosts: { acme: { port: '${SECRET}' } } },
      { hosts: { acme: { user: '${SECRET}' } } },
      { hosts: { acme: { proxy_jump: '${SECRET}' } } },
      { hosts: { acme: { server_alive_interval: '${SECRET}' } } },
      { hosts: { acme: { strict_host_key_checking: '${SECRET}' } } },
      { hosts: { acme: { host_keys: ['${SECRET}'] } } },
      { hosts: { acme: { ciphers: '${SECRET}' } } },
      { hosts: { acme: '${SECRET}' } },
      { forwards: { web: { via: '${SECRET}', local: 9000, to: 1 } } },
      { forwards: { web: { via: 'acme', local: '${SECRET}', to: 1 } } },
      { forwards: { web: { via: 'acme', local: 9000, to: '${SECRET}' } } },
      { forwards: { web: { via: 'acme', local: 9000, to: 1, allow_from: ['${SECRET}'] } } },
      { forwards: { web: { via: 'acme', dynamic: 9000, allow_to: ['${SECRET}:x'] } } },
      { forwards: { web: { via: 'acme', local: 9000, to: 1, drain: '${SECRET}' } } },
      { forwards: { web: { via: 'acme', local: '/tmp/x', to: 1, socket: { mode: '${SECRET}' } } } },
      { forwards: { web: { via: 'acme', local: '/tmp/x', to: 1, max_connections: '${SECRET}' } } },
      { forwards: { web: '-L 9000:localhost:${SECRET} acme' as never } },
      { forwards: { web: '-L ${SECRET} acme' as never } },
      { forwards: { web: '-L 9000:localhost:1 -o Port=${SECRET} acme' as never } },
      { forwards: { web: '-L 9000:localhost:1 ${SECRET}' as never } },
      { name: '${SECRET}' as never },
    ]
    const good = { hosts: { acme: {} }, forwards: { web: { via: 'acme', local: 9000, to: 1 } } }
    const cli = project({})
    const ways = [['validate'], ['validate', '--json']]
    const SECRET = `;${CANARY} \x1b[2J!`
    for (const [index, place] of places.entries()) {
      const file = cli.write(`${index}.yaml`, JSON.stringify({ ...good, ...place }))
      for (const args of isFull ? ways : [ways[index % 2]!]) {
        const { code, stdout, stderr } = await cli.run(['-f', file, ...args], { env: { SECRET } })
        expect(`${JSON.stringify(place)} ${code} ${stdout}${stderr}`).toContain(`${JSON.stringify(place)} 2 `)
        expect(stdout + stderr).not.toContain(CANARY)
        expectClean(stdout + stderr)
      }
    }
  })
})

test('names, paths and descriptions that would move the cursor are shown, not obeyed', async () => {
  const [sshd, port] = await Promise.all([startSshd(), freePort()])
  const cli = projectVia(sshd, {
    web: { local: port, to: 'localhost:1', description: 'a\u202eb\u2028c' },
    sock: { local: './run/\u202ekcos.x', to: '/far/\u202e\u2066x', description: 'x' },
  })
  const odd = join(cli.folder, 'odd \x1b[31m\u202e\x9b')
  mkdirSync(odd)
  writeFileSync(join(odd, 'tunnels.yaml'), readFileSync(join(cli.folder, 'tunnels.yaml')))
  const inside: CliProject = { ...cli, run: (args, options) => cli.run(args, { cwd: odd, ...options }) }
  const up = await inside.run(['up', '-d', '--trust'])
  atEnd(async () => void (await inside.run(['down'])))
  expect(up.stdout + up.stderr).not.toContain('error')
  expectClean(up.stdout + up.stderr)
  expectClean(await everythingSaid(inside))
  const status = JSON.parse((await inside.run(['status', '--json'])).stdout) as { files: string[] }
  expect(status.files).toEqual([join(odd, 'tunnels.yaml')])
  expect((await inside.run(['down'])).code).toBe(0)
})

describe.skipIf(process.getuid?.() !== 0)('files of somebody else (left out where this is not root)', () => {
  test.each(['.env', 'tunnels.yaml', 'tunnels.override.yaml'])(
    '%s in a parent folder is not read',
    async (name) => {
      const file = 'forwards: { web: { via: "${WHERE:-acme}", local: 9000, to: 1 } }\n'
      const cli = project({ 'tunnels.yaml': file, 'sub/x': '' })
      chmodSync(cli.folder, 0o777)
      const content = { '.env': 'WHERE=evil.example.com\n', 'tunnels.yaml': file }[name] ?? 'x-y: 1\n'
      chownSync(cli.write(name, content), 65_534, 65_534)
      const { code, stdout, stderr } = await cli.run(['config'], { cwd: join(cli.folder, 'sub') })
      expect(code).toBe(2)
      expect(stdout).toBe('')
      expect(stderr).toContain(`${name} belongs to another user`)
    },
  )
})

function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
}
