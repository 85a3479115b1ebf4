// Real SOCKS clients, as people have them, through the proxy on this machine and through the one lent to the far
// side. A client that is not there fails its test with the name of its Debian package.

import { spawn } from 'node:child_process'
import { createReadStream, mkdirSync, statSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { SocksClient } from 'socks'
import { beforeAll, describe, expect, test } from 'vitest'
import { atEnd } from '../helpers/cleanup.ts'
import { hostYaml, project } from '../helpers/cli.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePorts } from '../helpers/ports.ts'
import { startEchoAfterEnd, startHttp, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'

const PASSWORD = 'correct horse'
const WORDS = 'what goes in comes back\n'

let sshd: Sshd
let echo: TestServer
const at = { dynamic: 0, remote: 0, guarded: 0 }

beforeAll(async () => {
  const [server, ports] = await Promise.all([startSshd(), freePorts(3)])
  sshd = server
  echo = await startEchoAfterEnd()
  Object.assign(at, { dynamic: ports[0], remote: ports[1], guarded: ports[2] })
  const cli = project({
    'tunnels.yaml': `
hosts: { acme: ${hostYaml(sshd)} }
defaults: { forwards: { via: acme } }
forwards:
  dynamic: { dynamic: ${at.dynamic} }
  remote: { remote: ${at.remote}, to: socks }
  guarded: { dynamic: ${at.guarded}, auth: { username: ann, password_env: PROXY_PASSWORD } }
`,
  })
  await cli.up([], { env: { PROXY_PASSWORD: PASSWORD } })
})

interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

interface ClientOptions {
  /** Where the client comes from, for who has not got it. */
  package: string
  input?: string
  env?: Record<string, string>
}

/** Runs a client with `input` on its standard input, then an end; killed after 30 s. */
function run(
  [command, ...args]: string[],
  { package: name, input = '', env = {} }: ClientOptions,
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command!, args, {
      env: { PATH: process.env.PATH ?? '', LANG: 'C.UTF-8', ...env },
      timeout: 30_000,
    })
    const said = { stdout: '', stderr: '' }
    for (const out of ['stdout', 'stderr'] as const) {
      child[out].setEncoding('utf8').on('data', (text: string) => {
        said[out] += text
      })
    }
    child.stdin.on('error', () => {})
    child.stdin.end(input)
    child.on('error', () => reject(new Error(`There is no ${command}: install the Debian package ${name}`)))
    child.on('close', (code) => resolve({ code, ...said }))
  })
}

const fine = (stdout: string) => ({ code: 0, stdout })

describe.each(['dynamic', 'remote'] as const)('through `%s`', (kind) => {
  const proxy = () => `127.0.0.1:${at[kind]}`

  test.each([
    ['--socks4', '127.0.0.1'],
    ['--socks4a', 'localhost'],
    ['--socks5', '127.0.0.1'],
    ['--socks5-hostname', 'localhost'],
  ])('curl %s', async (option, host) => {
    const web = await startHttp()
    const args = ['-q', '-sS', '--max-time', '20', '--noproxy', '', option, proxy()]
    const got = await run(['curl', ...args, '-d', 'a body', `http://${host}:${web.port}/path`], {
      package: 'curl',
    })
    expect(got).toMatchObject(fine(`POST /path host=${host}:${web.port}\n`))
    expect(web.requests).toMatchObject([{ body: 'a body' }])
  })

  test.each(['4', '5'])('nc -X %s', async (version) => {
    const nc = ['nc', '-N', '-X', version, '-x', proxy(), '127.0.0.1', String(echo.port)]
    expect(await run(nc, { package: 'netcat-openbsd', input: WORDS })).toMatchObject(fine(WORDS))
  })

  test.each(['socks4', 'socks5'])('ncat --proxy-type %s', async (type) => {
    const ncat = ['ncat', '--proxy', proxy(), '--proxy-type', type, '127.0.0.1', String(echo.port)]
    expect(await run(ncat, { package: 'ncat', input: WORDS })).toMatchObject(fine(WORDS))
  })

  test.each(['SOCKS4', 'SOCKS4A'])('socat %s', async (type) => {
    const [host, port] = proxy().split(':')
    const address = `${type}:${host}:localhost:${echo.port},socksport=${port}`
    expect(await run(['socat', '-t', '20', '-', address], { package: 'socat', input: WORDS })).toMatchObject(
      fine(WORDS),
    )
  })

  test.each(['SOCKS4', 'SOCKS5'])('PySocks %s, names looked up on the other side', async (type) => {
    const python = ['/usr/bin/python3', '-c', pysocks, type, String(at[kind]), String(echo.port)]
    const got = await run(python, { package: 'python3-socks', input: WORDS })
    expect(got, 'needs the Debian package python3-socks').toMatchObject(fine(WORDS))
  })

  test.each([4, 5] as const)('npm socks, version %i', async (type) => {
    const { socket } = await SocksClient.createConnection({
      command: 'connect',
      proxy: { host: '127.0.0.1', port: at[kind], type },
      destination: { host: 'localhost', port: echo.port },
    })
    atEnd(() => void socket.destroy())
    socket.end(WORDS)
    const chunks: Buffer[] = []
    for await (const chunk of socket) chunks.push(chunk as Buffer)
    expect(Buffer.concat(chunks).toString()).toBe(WORDS)
  })

  test('ssh, with nc as its ProxyCommand', async () => {
    const options = Object.entries({
      ProxyCommand: `nc -X 5 -x ${proxy()} %h %p`,
      UserKnownHostsFile: sshd.knownHostsFile,
      IdentityFile: sshd.identityFile,
      IdentitiesOnly: 'yes',
      BatchMode: 'yes',
    }).flatMap(([name, value]) => ['-o', `${name}=${value}`])
    const ssh = [
      'ssh',
      '-F',
      '/dev/null',
      ...options,
      '-p',
      String(sshd.port),
      `${sshd.user}@127.0.0.1`,
      'cat',
    ]
    expect(await run(ssh, { package: 'openssh-client', input: WORDS })).toMatchObject(fine(WORDS))
  })
})

test('git clones through it', async () => {
  const { path } = testFolder()
  const [source, bare, copy] = ['source', 'bare.git', 'copy'].map((name) => join(path, name))
  const git = (...args: string[]) =>
    run(['git', ...args], {
      package: 'git',
      env: { HOME: path, GIT_CONFIG_NOSYSTEM: '1', GIT_TERMINAL_PROMPT: '0' },
    })
  mkdirSync(source!)
  const steps = [
    ['-C', source!, 'init', '-q'],
    [
      '-C',
      source!,
      '-c',
      'user.name=a',
      '-c',
      'user.email=a@example.com',
      'commit',
      '-q',
      '--allow-empty',
      '-m',
      WORDS,
    ],
    ['clone', '-q', '--bare', source!, bare!],
    ['-C', bare!, 'update-server-info'],
  ]
  for (const step of steps) expect(await git(...step)).toMatchObject({ code: 0 })
  const web = await startFiles(path)
  const clone = await git(
    '-c',
    `http.proxy=socks5h://127.0.0.1:${at.dynamic}`,
    'clone',
    '-q',
    `http://localhost:${web}/bare.git`,
    copy!,
  )
  expect(clone).toMatchObject({ code: 0 })
  expect((await git('-C', copy!, 'log', '-1', '--format=%B')).stdout.trim()).toBe(WORDS.trim())
})

describe('a password', () => {
  const curl = (user: string, url: string) =>
    run(
      ['curl', '-q', '-sS', '--max-time', '20', '--proxy', `socks5h://${user}127.0.0.1:${at.guarded}`, url],
      { package: 'curl' },
    )

  test('curl with the right one gets through, with none or a wrong one it does not', async () => {
    const web = await startHttp(() => 'for ann')
    const url = `http://localhost:${web.port}/`
    expect(await curl(`ann:${encodeURIComponent(PASSWORD)}@`, url)).toMatchObject(fine('for ann'))
    expect((await curl('ann:wrong@', url)).code).toBe(97)
    expect((await curl('', url)).code).toBe(97)
    expect(web.requests).toHaveLength(1)
  })

  test('ncat and npm socks send it, too', async () => {
    const auth = ['--proxy-auth', `ann:${PASSWORD}`]
    const ncat = [
      'ncat',
      '--proxy',
      `127.0.0.1:${at.guarded}`,
      '--proxy-type',
      'socks5',
      ...auth,
      '127.0.0.1',
      String(echo.port),
    ]
    expect(await run(ncat, { package: 'ncat', input: WORDS })).toMatchObject(fine(WORDS))
    const connect = (password: string) =>
      SocksClient.createConnection({
        command: 'connect',
        proxy: { host: '127.0.0.1', port: at.guarded, type: 5, userId: 'ann', password },
        destination: { host: '127.0.0.1', port: echo.port },
      })
    const { socket } = await connect(PASSWORD)
    socket.destroy()
    await expect(connect('wrong')).rejects.toThrow(/[Aa]uthentication/)
  })
})

test('curl tells a refused target from an unknown name', async () => {
  const closed = await startHttp()
  await closed.stop()
  const ask = (url: string) =>
    run(['curl', '-q', '-sS', '--max-time', '20', '--socks5-hostname', `127.0.0.1:${at.dynamic}`, url], {
      package: 'curl',
    })
  expect(await ask(`http://127.0.0.1:${closed.port}/`)).toMatchObject({
    code: 97,
    stderr: expect.stringContaining('(5)'),
  })
  expect(await ask('http://nowhere.invalid/')).toMatchObject({
    code: 97,
    stderr: expect.stringContaining('(4)'),
  })
})

const pysocks = `
import socket, socks, sys
version, proxy, port = sys.argv[1:]
s = socks.socksocket()
s.set_proxy(getattr(socks, version), "127.0.0.1", int(proxy), rdns=True)
s.settimeout(20)
s.connect(("localhost", int(port)))
s.sendall(sys.stdin.buffer.read())
s.shutdown(socket.SHUT_WR)
while chunk := s.recv(65536):
    sys.stdout.buffer.write(chunk)
`

/** Files of a folder, as a plain web server has them: enough for git's dumb protocol. */
async function startFiles(folder: string): Promise<number> {
  const server = createServer((request, response) => {
    const path = join(folder, new URL(request.url ?? '/', 'http://localhost').pathname)
    if (statSync(path, { throwIfNoEntry: false })?.isFile()) createReadStream(path).pipe(response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  atEnd(() => {
    server.closeAllConnections()
    server.close()
  })
  return (server.address() as AddressInfo).port
}
