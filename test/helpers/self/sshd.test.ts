// The test server itself: what the other tests believe of it.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { eventually } from '../eventually.ts'
import { type Sshd, startSshd } from '../sshd.ts'

const run = promisify(execFile)

function ssh(server: Sshd, host: string, ...command: string[]) {
  const options = [
    '-F',
    '/dev/null',
    '-o',
    `UserKnownHostsFile=${server.knownHostsFile}`,
    '-o',
    'BatchMode=yes',
  ]
  const who = ['-i', server.identityFile, '-p', String(server.port), '-l', server.user, host]
  return run('ssh', [...options, '-o', 'StrictHostKeyChecking=yes', ...who, ...command])
}

test('a server lets its key in under each of its names, and counts', async () => {
  const server = await startSshd({ hostKeys: ['ed25519', 'ecdsa'] })
  expect(server.connections()).toBe(0)
  for (const host of ['127.0.0.1', 'localhost', '::1']) {
    expect((await ssh(server, host, 'echo', 'hello')).stdout).toBe('hello\n')
  }
  await eventually(() => server.logins() === 3 && server.connections() === 3)
  await eventually(() => server.sessions().length === 0)
})

test('killed sessions end, and a restart keeps port and keys', async () => {
  const server = await startSshd()
  const sleeper = ssh(server, '127.0.0.1', 'sleep', '600').then(
    () => 'ended well',
    () => 'was cut',
  )
  await eventually(() => server.logins() === 1 && server.sessions().length === 1)
  await server.killSessions()
  expect(await sleeper).toBe('was cut')
  await server.restart()
  expect((await ssh(server, '127.0.0.1', 'echo', 'again')).stdout).toBe('again\n')
})

test('lines of `config` win over the ones here', async () => {
  const server = await startSshd({ config: ['PubkeyAuthentication no'] })
  await expect(ssh(server, '127.0.0.1', 'true')).rejects.toThrow('Permission denied')
})
