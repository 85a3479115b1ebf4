import { execFileSync } from 'node:child_process'
import { chmodSync, renameSync, rmSync } from 'node:fs'
import { createConnection } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { WantedHost } from '../../src/model/wanted.ts'
import { connect } from '../../src/ssh/connect.ts'
import { testFolder } from '../helpers/folder.ts'
import { startServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { uint32 } from './hostile-server.ts'
import { askSsh, fingerprints, newKey, startAgent } from './keys.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

const attempt = (host: WantedHost) => problemFrom(connect(host, { signal: NEVER }))

describe('keys from files', () => {
  test.each(['ed25519', 'rsa', 'ecdsa'])('%s', async (type) => {
    const key = await newKey({ type })
    const server = await startSshd({ authorizedKeys: [key.line] })
    await open(hostFor(server, { identityFiles: [key.path] }))
    expect(server.logins()).toBe(1)
  })

  test('RSA signs with SHA-2 only, with SHA-512 first as ssh does', async () => {
    const key = await newKey({ type: 'rsa' })
    for (const algorithm of ['rsa-sha2-256', 'rsa-sha2-512']) {
      const config = [`PubkeyAcceptedAlgorithms ${algorithm}`]
      const server = await startSshd({ authorizedKeys: [key.line], config })
      await open(hostFor(server, { identityFiles: [key.path], pubkeyAcceptedAlgorithms: algorithm }))
      const outcome = connect(hostFor(server, { identityFiles: [key.path] }), { signal: NEVER })
      if (algorithm === 'rsa-sha2-512') (await outcome).close()
      else expect((await problemFrom(outcome)).code).toBe('AUTH_FAILED')
    }
    const old = await startSshd({ authorizedKeys: [key.line], config: ['PubkeyAcceptedAlgorithms ssh-rsa'] })
    const names = { pubkeyAcceptedAlgorithms: '+ssh-rsa', identityFiles: [key.path] }
    expect((await attempt(hostFor(old, names))).code).toBe('AUTH_FAILED')
  })

  test('are tried in their order; the first right one is enough', async () => {
    const [wrong, right, unused] = await Promise.all([newKey(), newKey(), newKey()])
    const server = await startSshd({ authorizedKeys: [right.line] })
    await open(hostFor(server, { identityFiles: [wrong.path, right.path, unused.path] }))
    expect(server.log()).not.toContain(unused.fingerprint)
  })

  test('a wrong key: what the server takes, and each key that was tried', async () => {
    const [wrong, other] = await Promise.all([newKey(), newKey({ type: 'ecdsa' })])
    const server = await startSshd()
    const files = [wrong.path, '/nowhere/id_rsa', other.path]
    const problem = await attempt(hostFor(server, { identityFiles: files }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.detail).toContain('takes: publickey')
    expect(problem.detail).toContain(`ssh-ed25519 ${wrong.fingerprint} (${wrong.path})`)
    expect(problem.detail).toContain(other.fingerprint)
    expect(problem.detail).toContain('There is no /nowhere/id_rsa.')
    const silent = await attempt(hostFor(server, { identityFiles: files, identitiesNamed: false }))
    expect(silent.detail).not.toContain('/nowhere')
  })

  test('none of ssh_config(5) is no file that is missing', async () => {
    const server = await startSshd()
    const problem = await attempt(hostFor(server, { identityFiles: ['none'], certificateFiles: ['none'] }))
    expect(problem.detail).toContain('No key was tried.')
    expect(problem.detail).not.toContain('There is no')
  })

  test('one that others can read is ignored, with a word', async () => {
    const key = await newKey()
    const server = await startSshd({ authorizedKeys: [key.line] })
    chmodSync(key.path, 0o644)
    const problem = await attempt(hostFor(server, { identityFiles: [key.path] }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.detail).toContain(`chmod 600 ${key.path}`)
    expect(server.log()).not.toContain(key.fingerprint)
  })

  test.each([true, false])('an encrypted one needs a person (its .pub beside it: %s)', async (withPublic) => {
    const key = await newKey({ passphrase: 'secret words' })
    if (!withPublic) rmSync(`${key.path}.pub`)
    const server = await startSshd({ authorizedKeys: [key.line] })
    const problem = await attempt(hostFor(server, { identityFiles: [key.path] }))
    expect(problem.code).toBe('AUTH_NEEDS_PERSON')
    expect(problem.summary).toContain(key.path)
    expect(problem.hint).toContain(`ssh-add ${key.path}`)
    expect(JSON.stringify(problem)).not.toContain('secret')
  })

  test('an encrypted one that the server would not take anyway needs no person', async () => {
    const key = await newKey({ passphrase: 'secret words' })
    expect((await attempt(hostFor(await startSshd(), { identityFiles: [key.path] }))).code).toBe(
      'AUTH_FAILED',
    )
  })

  test('an encrypted one does not keep a plain one from working', async () => {
    const [locked, plain] = await Promise.all([newKey({ type: 'rsa', passphrase: 'secret words' }), newKey()])
    const server = await startSshd({ authorizedKeys: [locked.line, plain.line] })
    await open(hostFor(server, { identityFiles: [locked.path, plain.path] }))
  })

  test('preferred_authentications and pubkey_accepted_algorithms are honoured', async () => {
    const server = await startSshd()
    const never = await attempt(hostFor(server, { preferredAuthentications: 'password' }))
    expect(never.detail).toContain('preferred_authentications leaves publickey out')
    const other = await attempt(hostFor(server, { pubkeyAcceptedAlgorithms: 'rsa-*' }))
    expect(other.detail).toContain('No key was tried')
    expect(other.hint).toContain('`-i ~/.ssh/KEY`')
    await open(
      hostFor(server, {
        preferredAuthentications: 'gssapi-with-mic,publickey',
        pubkeyAcceptedAlgorithms: '-rsa-*',
      }),
    )
  })
})

describe('keys from an agent', () => {
  test.each(['ed25519', 'rsa', 'ecdsa'])('%s', async (type) => {
    const key = await newKey({ type })
    const agent = await startAgent(key)
    const server = await startSshd({ authorizedKeys: [key.line] })
    await open(hostFor(server, { agent, identityFiles: [], identitiesOnly: false }))
  })

  test('named ones first, then the others of the agent, then files: as ssh', async () => {
    const [held, named, file] = await Promise.all([newKey(), newKey(), newKey()])
    const agent = await startAgent(held, named)
    const server = await startSshd()
    const identityFiles = [file.path, named.path]
    const ours = await attempt(hostFor(server, { agent, identityFiles, identitiesOnly: false }))
    expect(fingerprints(ours.detail)).toEqual([named, held, file].map((key) => key.fingerprint))
    const options = [`IdentityAgent=${agent}`, ...identityFiles.map((path) => `IdentityFile=${path}`)]
    expect(fingerprints(ours.detail)).toEqual((await askSsh(server, options)).offered)
    const only = await attempt(hostFor(server, { agent, identityFiles, identitiesOnly: true }))
    expect(fingerprints(only.detail)).toEqual([named, file].map((key) => key.fingerprint))
    expect(fingerprints(only.detail)).toEqual(
      (await askSsh(server, ['IdentitiesOnly=yes', ...options])).offered,
    )
  })

  test('the public half in a file is enough to name one', async () => {
    const [right, other] = await Promise.all([newKey(), newKey()])
    const agent = await startAgent(other, right)
    rmSync(right.path)
    renameSync(`${right.path}.pub`, right.path)
    const server = await startSshd({ authorizedKeys: [right.line] })
    await open(hostFor(server, { agent, identityFiles: [right.path], identitiesOnly: true }))
    expect(server.log()).not.toContain(other.fingerprint)
  })

  test('an encrypted file works when the agent holds its key', async () => {
    const key = await newKey()
    const agent = await startAgent(key)
    execFileSync('ssh-keygen', ['-p', '-q', '-N', 'secret words', '-f', key.path])
    const server = await startSshd({ authorizedKeys: [key.line] })
    await open(hostFor(server, { agent, identityFiles: [key.path] }))
  })

  test('too many keys for the server: the problem says what helps, and it does', async () => {
    const keys = await Promise.all(Array.from({ length: 4 }, () => newKey()))
    const agent = await startAgent(...keys)
    const server = await startSshd({ authorizedKeys: [keys[3]!.line], config: ['MaxAuthTries 2'] })
    const problem = await attempt(hostFor(server, { agent, identityFiles: [], identitiesOnly: false }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.hint).toContain('identities_only: true')
    await open(hostFor(server, { agent, identityFiles: [keys[3]!.path], identitiesOnly: true }))
  })

  test('twelve keys and a server that looks at six: as ssh, the right one has to be named', async () => {
    const keys = await Promise.all(Array.from({ length: 12 }, () => newKey()))
    const agent = await startAgent(...keys)
    const right = keys[11]!
    const server = await startSshd({ authorizedKeys: [right.line], config: ['MaxAuthTries 6'] })
    const all = hostFor(server, { agent, identityFiles: [], identitiesOnly: false })
    const problem = await attempt(all)
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.detail).toMatch(/too many authentication failures/i)
    expect(problem.hint).toContain('identities_only: true')
    expect((await askSsh(server, [`IdentityAgent=${agent}`, 'IdentityFile=/nowhere'])).gotIn).toBe(false)
    await open({ ...all, identityFiles: [`${right.path}.pub`] })
    const named = [`IdentityAgent=${agent}`, `IdentityFile=${right.path}.pub`]
    expect((await askSsh(server, named)).gotIn).toBe(true)
  })

  test.each([
    ['garbage', Buffer.from('SSH-2.0-not an agent\r\n')],
    ['a list without end', Buffer.concat([uint32(9), Buffer.of(12), uint32(2 ** 31), uint32(0)])],
    ['a length of two gigabytes', uint32(2 ** 31)],
    ['a refusal', Buffer.concat([uint32(1), Buffer.of(5)])],
  ])('one that answers %s is a note, and files still work', async (_what, answer) => {
    const agent = testFolder().join('agent')
    await startServer((socket) => socket.on('data', () => socket.write(answer)), { path: agent })
    const server = await startSshd()
    await open(hostFor(server, { agent }))
    const problem = await attempt(hostFor(server, { agent, identityFiles: [] }))
    expect(problem.detail).toContain(`The agent at ${agent} does not answer`)
  })

  test('one that signs with SHA-1 whatever it is asked for is not used', async () => {
    const key = await newKey({ type: 'rsa' })
    const agent = await startAgent(key)
    const old = await startDeafAgent(agent)
    const server = await startSshd({
      authorizedKeys: [key.line],
      config: ['PubkeyAcceptedAlgorithms +ssh-rsa'],
    })
    const host = hostFor(server, { agent: old, identityFiles: [], identitiesOnly: false })
    const problem = await attempt(host)
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.detail).toContain('did not sign')
    await open({ ...host, agent })
  })

  test.each(['ed25519', 'rsa', 'ecdsa'] as const)(
    'a key that is for one host only is signed with for that one, which shows its %s key, and for no other',
    async (type) => {
      const key = await newKey()
      const [right, wrong] = await Promise.all(
        ['for it', 'for another'].map(() => startSshd({ authorizedKeys: [key.line], hostKeys: [type] })),
      )
      const known = testFolder().write('known', `here ${right!.hostPublicKeys[0]}\n`)
      const agent = await startAgent({ ...key, words: ['-H', known, '-h', 'here'] })
      const change = { agent, identityFiles: [], identitiesOnly: false }
      await open(hostFor(right!, change))
      const problem = await attempt(hostFor(wrong!, change))
      expect(problem).toMatchObject({
        code: 'AUTH_FAILED',
        summary: 'acme takes a key that its agent refuses to sign with (agent: tunnels-test)',
      })
      expect(problem.hint).toContain('ssh-add -h')
    },
  )

  test('one that is stuck is left alone after a while', async () => {
    const agent = testFolder().join('stuck')
    await startServer((socket) => socket.resume(), { path: agent })
    await open(hostFor(await startSshd(), { agent, connectTimeoutMs: 3_000 }))
  })

  test('a socket where no agent answers is a note, and files still work', async () => {
    const agent = testFolder().join('no-agent')
    const server = await startSshd()
    await open(hostFor(server, { agent }))
    const problem = await attempt(hostFor(server, { agent, identityFiles: [] }))
    expect(problem.detail).toContain(`The agent at ${agent} does not answer`)
  })
})

test('a server that wants a second step after the key needs a person', async () => {
  const server = await startSshd({
    config: ['PasswordAuthentication yes', 'AuthenticationMethods publickey,password'],
  })
  const problem = await attempt(hostFor(server))
  expect(problem.code).toBe('AUTH_NEEDS_PERSON')
  expect(problem.summary).toContain('password')
})

/** Passes everything on to a real agent, but for the flags that ask for SHA-2. */
async function startDeafAgent(agent: string): Promise<string> {
  const path = testFolder().join('deaf')
  await startServer(
    (socket) => {
      const real = createConnection(agent)
      real.on('error', () => socket.destroy())
      real.pipe(socket)
      socket.on('data', (request: Buffer) => {
        if (request[4] === 13) request.writeUInt32BE(0, request.length - 4)
        real.write(request)
      })
      socket.on('close', () => real.destroy())
    },
    { path },
  )
  return path
}
