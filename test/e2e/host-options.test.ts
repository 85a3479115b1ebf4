// The options of a host that decide how the connection is made, seen from the other end: what sshd itself logs of it.

import { execFileSync } from 'node:child_process'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import { exchange } from '../helpers/clients.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startEcho, type TestServer } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { projectVia } from './project-via.ts'

let sshd: Sshd
let echo: TestServer
const authority = `${testFolder().path}/authority`

beforeAll(async () => {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', authority])
  sshd = await startSshd({
    config: ['LogLevel DEBUG1', `TrustedUserCAKeys ${authority}.pub`],
    hostKeys: ['ed25519', 'rsa'],
  })
  echo = await startEcho()
})

/** Brings a forward up with this host, sends something through it, and gives what sshd has logged of it. */
async function logOf(host: Record<string, unknown>): Promise<string> {
  const before = sshd.log().length
  const port = await freePort()
  const cli = projectVia(sshd, { web: { local: port, to: echo.port } }, { host })
  await cli.up()
  expect((await exchange(port, 'through')).toString()).toBe('through')
  await cli.down()
  return sshd.log().slice(before)
}

test('ciphers, macs, kex_algorithms and host_key_algorithms are what both agree on', async () => {
  const log = await logOf({
    host_keys: sshd.hostPublicKeys,
    ciphers: 'aes192-ctr',
    macs: 'hmac-sha2-512',
    kex_algorithms: 'ecdh-sha2-nistp384',
    host_key_algorithms: 'rsa-sha2-256',
    compression: true,
  })
  expect(log).toContain('kex: algorithm: ecdh-sha2-nistp384')
  expect(log).toContain('kex: host key algorithm: rsa-sha2-256')
  expect(log).toMatch(/kex: client->server cipher: aes192-ctr MAC: hmac-sha2-512 compression: zlib/)
  expect(log).toMatch(/kex: server->client cipher: aes192-ctr MAC: hmac-sha2-512 compression: zlib/)
})

test('pubkey_accepted_algorithms: a key of another kind is not offered', async () => {
  const cli = projectVia(
    sshd,
    { web: { local: await freePort(), to: 1 } },
    { host: { pubkey_accepted_algorithms: 'rsa-sha2-512' } },
  )
  const before = sshd.log().length
  const { code, stderr } = await cli.run(['up', '-d'])
  expect([code, stderr]).toEqual([expect.any(Number), expect.stringContaining('AUTH_FAILED')])
  expect(code).not.toBe(0)
  expect(sshd.log().slice(before)).not.toContain('method publickey')
})

test('preferred_authentications: what is not in it is not tried', async () => {
  const cli = projectVia(
    sshd,
    { web: { local: await freePort(), to: 1 } },
    { host: { preferred_authentications: 'keyboard-interactive' } },
  )
  const before = sshd.logins()
  expect((await cli.run(['up', '-d'])).code).not.toBe(0)
  expect(sshd.logins()).toBe(before)
})

test('bind_address and bind_interface: where the connection comes from', async () => {
  expect(await logOf({ bind_address: '127.0.0.9' })).toMatch(/Connection from 127\.0\.0\.9 port/)
  expect(await logOf({ bind_interface: 'lo' })).toMatch(/Connection from 127\.0\.0\.1 port/)
  const cli = projectVia(
    sshd,
    { web: { local: await freePort(), to: 1 } },
    { host: { bind_interface: 'nothere0' } },
  )
  const { code, stderr } = await cli.run(['up', '-d'])
  expect([code, stderr]).toEqual([1, expect.stringContaining('nothere0')])
})

test('certificate_file: a key that only its certificate lets in', async () => {
  const folder = testFolder()
  const key = folder.join('id')
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key])
  execFileSync('ssh-keygen', ['-q', '-s', authority, '-I', 'mine', '-n', sshd.user, `${key}.pub`])
  copyFileSync(`${key}-cert.pub`, folder.join('elsewhere.pub'))
  writeFileSync(`${key}-cert.pub`, '')
  expect(readFileSync(sshd.authorizedKeysFile, 'utf8')).not.toContain(
    readFileSync(`${key}.pub`, 'utf8').split(' ')[1],
  )
  const log = await logOf({ identity_file: key, certificate_file: folder.join('elsewhere.pub') })
  expect(log).toMatch(/Accepted publickey for \S+ .*ED25519-CERT/)
})
