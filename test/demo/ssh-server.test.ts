// The demo's SSH server against the real OpenSSH client: what `ssh -N -L -R -D` needs works, nothing else does.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import { text } from 'node:stream/consumers'
import ssh2 from 'ssh2'
import { beforeEach, expect, test } from 'vitest'
import { fetchText } from '../../src/demo/fetch-through.ts'
import { type KeyPair, makeKeyPair } from '../../src/demo/key-pair.ts'
import { type SshServer, startSshServer } from '../../src/demo/ssh-server.ts'
import { startWebService, type WebService } from '../../src/demo/web-service.ts'
import { eventually } from '../helpers/eventually.ts'
import { type TestFolder, testFolder } from '../helpers/folder.ts'
import { canListen, freePort } from '../helpers/ports.ts'
import { startEchoAfterEnd } from '../helpers/servers.ts'

let folder: TestFolder
let server: SshServer
let web: WebService
let clientKey: KeyPair
let hostKey: KeyPair
const started: ChildProcess[] = []

beforeEach(async () => {
  folder = testFolder()
  clientKey = makeKeyPair()
  hostKey = makeKeyPair()
  web = await startWebService('Hello from the far side')
  server = await startSshServer({
    hostKey,
    user: 'demo',
    authorizedKey: clientKey.publicKey,
    reach: (host, port) => (host === 'forbidden.demo' ? null : { host: '127.0.0.1', port }),
  })
  folder.write('id', clientKey.privateKey)
  folder.write('known_hosts', `[127.0.0.1]:${server.port} ${hostKey.publicKey}\n`)
  return async () => {
    await Promise.all(started.splice(0).map(end))
    await server.stop()
    await web.stop()
    folder.stop()
  }
})

test('a local forward carries a request over one connection', async () => {
  const local = await freePort()
  await startSsh('-N', '-L', `127.0.0.1:${local}:web.demo:${web.port}`)
  expect(await fetchText(`http://127.0.0.1:${local}/`, way())).toBe('Hello from the far side\n')
  expect(server.logins()).toBe(1)
  expect(server.connections()).toBe(1)
})

test('a remote forward leads back to the client, on loopback whatever was asked', async () => {
  const remote = await freePort()
  await startSsh('-N', '-R', `*:${remote}:127.0.0.1:${web.port}`)
  expect(await fetchText(`http://127.0.0.1:${remote}/`, way())).toBe('Hello from the far side\n')
  await expect(fetchText(`http://127.0.0.2:${remote}/`, way())).rejects.toThrow('ECONNREFUSED')
})

test('a remote forward without a port is told which one it has', async () => {
  const ssh = await startSsh('-N', '-R', `0:127.0.0.1:${web.port}`)
  const port = /Allocated port (\d+) for remote forward/.exec(ssh.log())?.[1]
  expect(await fetchText(`http://127.0.0.1:${port}/`, way())).toBe('Hello from the far side\n')
})

test('a remote port that is taken is refused', async () => {
  const ssh = await runSsh('-N', '-o', 'ExitOnForwardFailure=yes', '-R', `${web.port}:127.0.0.1:1`)
  expect(ssh.log).toContain('remote port forwarding failed for listen port')
  expect(ssh.code).toBe(255)
})

test('through ssh -D a name is resolved by the server', async () => {
  const dynamic = await freePort()
  await startSsh('-N', '-D', `127.0.0.1:${dynamic}`)
  const socks = { host: '127.0.0.1', port: dynamic }
  expect(await fetchText(`http://web.demo:${web.port}/`, way(socks))).toBe('Hello from the far side\n')
  await expect(fetchText(`http://forbidden.demo:${web.port}/`, way(socks))).rejects.toThrow('hung up')
})

test('half-close is kept: 200,000 bytes up, FIN, all of them back, both ways round', async () => {
  const { port } = await startEchoAfterEnd()
  const [local, remote] = [await freePort(), await freePort()]
  await startSsh('-N', '-L', `127.0.0.1:${local}:web.demo:${port}`, '-R', `${remote}:127.0.0.1:${port}`)
  const sent = 'x'.repeat(200_000)
  for (const way of [local, remote]) {
    const socket = connect({ host: '127.0.0.1', port: way, allowHalfOpen: true })
    socket.end(sent)
    expect((await text(socket)) === sent).toBe(true)
  }
})

test('another key, another user, a password, a shell and a command are refused', async () => {
  expect((await runSsh('-N', '-l', 'root')).log).toContain('Permission denied (publickey)')
  expect((await runSsh('-N', '-o', 'PubkeyAuthentication=no')).log).toContain('Permission denied (publickey)')
  await writeFile(folder.join('id'), makeKeyPair().privateKey)
  expect((await runSsh('-N')).log).toContain('Permission denied (publickey)')
  await writeFile(folder.join('id'), clientKey.privateKey)
  const command = await runSsh('id')
  expect(command.code).toBe(255)
  expect(command.log).toContain('open failed')
})

test('a wrong host key is noticed: the fingerprint is the one that ssh-keygen prints', async () => {
  const child = spawn('ssh-keygen', ['-l', '-f', '-'])
  child.stdin.end(`${hostKey.publicKey}\n`)
  expect(await text(child.stdout)).toContain(hostKey.fingerprint)
  await writeFile(folder.join('known_hosts'), `[127.0.0.1]:${server.port} ${clientKey.publicKey}\n`)
  expect((await runSsh('-N')).log).toContain('REMOTE HOST IDENTIFICATION HAS CHANGED')
})

test('stop cuts what is open, and its ports are free again', async () => {
  const remote = await freePort()
  const ssh = await startSsh('-N', '-R', `${remote}:127.0.0.1:${web.port}`)
  await server.stop()
  await eventually(() => ssh.exitCode() !== null)
  expect(await canListen('127.0.0.1', server.port)).toBe(true)
  expect(await canListen('127.0.0.1', remote)).toBe(true)
})

test('keepalives are answered', async () => {
  let answers = 0
  const client = new ssh2.Client()
  client.connect({
    host: '127.0.0.1',
    port: server.port,
    username: 'demo',
    privateKey: clientKey.privateKey,
    keepaliveInterval: 10,
    keepaliveCountMax: 20,
    debug: (line) => {
      if (/Inbound: Received REQUEST_(SUCCESS|FAILURE)/.test(line)) answers += 1
    },
  })
  await once(client, 'ready')
  await eventually(() => answers > 30)
  client.end()
  await once(client, 'close')
})

function way(socks?: { host: string; port: number }) {
  return { ...(socks && { socks }), signal: AbortSignal.timeout(10_000) }
}

function sshArguments(words: string[]): string[] {
  const options = {
    StrictHostKeyChecking: 'yes',
    BatchMode: 'yes',
    IdentitiesOnly: 'yes',
    IdentityAgent: 'none',
  }
  return [
    ...['-F', 'none', '-v', '-i', folder.join('id'), '-p', String(server.port)],
    ...['-o', `UserKnownHostsFile=${folder.join('known_hosts')}`, '-o', 'GlobalKnownHostsFile=none'],
    ...Object.entries(options).flatMap(([key, value]) => ['-o', `${key}=${value}`]),
    ...['-T', '127.0.0.1', ...(words.includes('-l') ? [] : ['-l', 'demo']), ...words],
  ]
}

/** Resolves when ssh has logged in and all its forwards have been answered. */
async function startSsh(...words: string[]): Promise<{ log: () => string; exitCode: () => number | null }> {
  const child = spawn('ssh', sshArguments(words), { stdio: ['ignore', 'ignore', 'pipe'] })
  started.push(child)
  let log = ''
  child.stderr.on('data', (chunk) => {
    log += chunk
  })
  const ready = words.includes('-R')
    ? /remote forward success|Allocated port|All remote forwarding requests processed/
    : /Entering interactive session/
  await eventually(() => expect(log).toMatch(ready) ?? true)
  return { log: () => log, exitCode: () => child.exitCode }
}

async function runSsh(...words: string[]): Promise<{ code: number | null; log: string }> {
  const child = spawn('ssh', sshArguments(words), { stdio: ['ignore', 'ignore', 'pipe'] })
  started.push(child)
  const log = text(child.stderr)
  const [code] = (await once(child, 'exit')) as [number | null]
  return { code, log: await log }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}
