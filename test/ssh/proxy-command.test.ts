// A command as the way to a server: what it gets, what comes through it, how it ends and what then stays.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import type { Duplex } from 'node:stream'
import { describe, expect, test } from 'vitest'
import type { WantedHost } from '../../src/model/wanted.ts'
import { connect } from '../../src/ssh/connect.ts'
import { expandTokens, openProxyCommand } from '../../src/ssh/proxy-command.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { descendantsOf, isAlive } from '../helpers/processes.ts'
import { startDigest, startEcho, startServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { exchange, hostFor, NEVER, NOBODY, open, plainHost, problemFrom, readAll } from './support.ts'

const environment = { PATH: process.env.PATH ?? '', HOME: '/nowhere' }

function through(command: string, change: Partial<WantedHost> = {}): Partial<WantedHost> {
  return { proxyCommand: { command, environment }, ...change }
}

async function run(command: string, port = 22, signal: AbortSignal = NEVER): Promise<Duplex> {
  return openProxyCommand(plainHost(port), { command, environment }, signal, () => {})
}

/** The processes that this one has started and that have not ended. */
const children = () => descendantsOf(process.pid, 1)

describe('tokens', () => {
  const host = plainHost(2222, { hostname: 'db.example.com', originalName: 'db', user: 'me' })

  test.each([
    ['nc %h %p', 'nc db.example.com 2222'],
    ['ssh -W [%h]:%p %r@%n', 'ssh -W [db.example.com]:2222 me@db'],
    ['echo 100%% %%h %%%h', 'echo 100% %h %db.example.com'],
    ['nc "a b" $X | tee', 'nc "a b" $X | tee'],
  ])('%s', (command, expected) => {
    expect(expandTokens(host, command)).toBe(expected)
  })

  test.each(['nc %d', 'nc %C', 'nc %', 'nc %constructor', 'nc %\u001b'])('%j is refused', (command) => {
    expect(() => expandTokens(host, command)).toThrow(/proxy_command of acme has %/)
  })

  test.each([
    { hostname: 'a;reboot' },
    { hostname: '-oProxyCommand=x' },
    { hostname: 'a\nb' },
    { hostname: 'a\0b' },
    { hostname: '$(reboot)' },
  ])('a value that a shell would obey is not passed on: %j', (change) => {
    expect(() => expandTokens({ ...host, ...change }, 'nc %h')).toThrow(/characters of the shell/)
    expect(expandTokens({ ...host, ...change }, 'nc 127.0.0.1')).toBe('nc 127.0.0.1')
  })
})

describe('the command', () => {
  test('gets the environment that was chosen for it, and no shell lingers', async () => {
    const folder = testFolder()
    const stream = await run(`sh -c 'env > ${folder.path}/env; echo $PPID > ${folder.path}/parent; cat'`)
    const parent = await eventually(
      () => existsSync(folder.join('parent')) && readFileSync(folder.join('parent'), 'utf8'),
    )
    const env = readFileSync(folder.join('env'), 'utf8').trim().split('\n')
    const names = env
      .map((line) => line.split('=')[0])
      .filter((name) => !['PWD', 'SHLVL', '_', 'OLDPWD'].includes(name!))
    expect(names.sort()).toEqual(['HOME', 'PATH'])
    expect(Number(parent)).toBe(process.pid)
    stream.destroy()
  })

  test.each(['nc 127.0.0.1 %p', 'socat - TCP:127.0.0.1:%p'])(
    '%s: 64 MiB either way arrive whole, half-close is kept',
    async (command) => {
      const content = Buffer.alloc(64 * 1024 * 1024, 'tunnels, byte by byte. ')
      const sum = createHash('sha256').update(content).digest('hex')
      const server = await startDigest(content)
      const stream = await run(
        command.startsWith('nc') ? command.replace('nc', 'nc -N') : command,
        server.port,
      )
      const answer = await exchange(stream, content)
      expect(createHash('sha256').update(answer.subarray(0, content.length)).digest('hex')).toBe(sum)
      expect(answer.subarray(content.length).toString()).toBe(sum)
    },
  )

  test('a reader that waits makes the command wait', async () => {
    let written = 0
    const server = await startServer((socket) => {
      const pour = () => {
        while (!socket.destroyed && socket.write(Buffer.alloc(65_536))) written += 65_536
      }
      socket.on('drain', pour)
      pour()
    })
    const stream = await run('nc 127.0.0.1 %p', server.port)
    let before = -1
    await eventually(
      () => {
        const isStill = written === before && written > 0
        before = written
        return isStill
      },
      { everyMs: 200 },
    )
    expect(written).toBeLessThan(32 * 1024 * 1024)
    expect(stream.readableLength).toBeLessThan(1024 * 1024)
    stream.destroy()
  })

  test('that ignores SIGTERM, and what it has started, are killed', async () => {
    const folder = testFolder()
    const stream = await run(`sh -c 'trap "" TERM; sleep 1000 & echo $! > ${folder.path}/pid; cat; wait'`)
    const pid = Number(
      await eventually(
        () => existsSync(folder.join('pid')) && readFileSync(folder.join('pid'), 'utf8').trim(),
      ),
    )
    expect(isAlive(pid)).toBe(true)
    stream.destroy()
    await eventually(() => !isAlive(pid))
  })

  test('that is started while the attempt is given up does not stay', async () => {
    const before = children()
    const end = new AbortController()
    const opening = run('sleep 1000', 22, end.signal)
    end.abort(new Error('enough'))
    await expect(opening).rejects.toThrow('enough')
    await eventually(() => children().every((pid) => before.includes(pid)))
  })
})

describe('a connection', () => {
  test('through it carries L and is given up with its command', async () => {
    const [sshd, echo] = await Promise.all([startSshd(), startEcho()])
    const before = children()
    const carrier = await open(hostFor(sshd, through('nc 127.0.0.1 %p')))
    const { stream } = await carrier.dial({ kind: 'tcp', host: '127.0.0.1', port: echo.port }, NOBODY, NEVER)
    expect((await exchange(stream, Buffer.alloc(3_000_000, 'x'))).length).toBe(3_000_000)
    expect(children().length).toBeGreaterThan(before.length)
    carrier.close()
    await eventually(() => children().every((pid) => before.includes(pid)))
    await eventually(() => sshd.sessions().length === 0)
  })

  test('is lost with the word of the command that was killed under it', async () => {
    const sshd = await startSshd()
    const folder = testFolder()
    const carrier = await open(
      hostFor(sshd, through(`sh -c 'echo $$ > ${folder.path}/pid; exec nc 127.0.0.1 %p'`)),
    )
    process.kill(Number(readFileSync(folder.join('pid'), 'utf8')), 'SIGKILL')
    await eventually(() => carrier.closed.aborted)
    expect(carrier.closed.reason.problems[0]).toMatchObject({
      code: 'HOST_LOST',
      summary: expect.stringContaining('was ended by SIGKILL'),
    })
  })

  test('that the server ends is lost as without a command', async () => {
    const sshd = await startSshd()
    const carrier = await open(hostFor(sshd, through('nc 127.0.0.1 %p')))
    await sshd.killSessions()
    await eventually(() => carrier.closed.aborted)
    expect(carrier.closed.reason.problems[0].code).toBe('HOST_LOST')
  })

  test.each<[string, string, string, RegExp]>([
    [
      'exits with 1',
      'echo some noise >&2; echo "no way: \u001b[31mrefused" >&2; exit 1',
      'HOST_UNREACHABLE',
      /ended with exit status 1: no way: \?\[31mrefused$/,
    ],
    ['ends without a word', 'true', 'HOST_UNREACHABLE', /ended before a server answered$/],
    [
      'is no command',
      '/does/not/exist',
      'HOST_UNREACHABLE',
      /ended with exit status 127: .*(not found|No such file or directory)$/,
    ],
    ['closes its output', 'exec >&-; sleep 1000', 'HOST_UNREACHABLE', /closed its end$/],
    [
      'prints garbage and stays',
      'echo "HTTP/1.1 400 Bad Request"; sleep 1000',
      'HOST_PROTOCOL',
      /leads to is not an SSH server/,
    ],
    [
      'prints garbage and goes',
      'echo "HTTP/1.1 400 Bad Request"; exit 0',
      'HOST_PROTOCOL',
      /leads to is not an SSH server/,
    ],
    [
      'hangs',
      'echo "waiting for a login" >&2; sleep 1000',
      'HOST_TIMEOUT',
      /timed out while waiting for the banner/,
    ],
  ])('one that %s is a problem that says so, and nothing stays', async (_what, script, code, summary) => {
    const before = children()
    const command = script.startsWith('/') || script === 'true' ? script : `sh -c '${script}'`
    const problem = await problemFrom(
      connect(plainHost(22, through(command, { connectTimeoutMs: 1_500 })), { signal: NEVER }),
    )
    expect(problem.code).toBe(code)
    expect(problem.summary).toMatch(summary)
    expect(JSON.stringify(problem)).not.toMatch(/\\u00/)
    await eventually(() => children().every((pid) => before.includes(pid)))
  })

  test('what it said before it hung is told', async () => {
    const command = `sh -c 'echo "waiting for a login" >&2; sleep 1000'`
    const problem = await problemFrom(
      connect(plainHost(22, through(command, { connectTimeoutMs: 1_000 })), { signal: NEVER }),
    )
    expect(problem.detail).toBe('Its proxy_command says: waiting for a login')
  })

  test('standard error without end is read, not kept', async () => {
    const problem = await problemFrom(
      connect(plainHost(22, through(`sh -c 'head -c 50000000 /dev/zero | tr "\\0" x >&2; exit 3'`)), {
        signal: NEVER,
      }),
    )
    expect(problem.summary.length).toBeLessThan(400)
    expect(problem.summary).toContain('exit status 3')
  })
})

test('all that came is read before the end is told', async () => {
  const stream = await run(`sh -c 'head -c 1000000 /dev/zero; exit 0'`)
  expect((await readAll(stream)).length).toBe(1_000_000)
  const failing = await run(`sh -c 'head -c 1000000 /dev/zero; exit 1'`)
  let bytes = 0
  await expect(
    (async () => {
      for await (const chunk of failing) bytes += (chunk as Buffer).length
    })(),
  ).rejects.toThrow('exit status 1')
  expect(bytes).toBe(1_000_000)
})
