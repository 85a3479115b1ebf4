import { expect, test } from 'vitest'
import { connect } from '../../src/ssh/connect.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { startSshd } from '../helpers/sshd.ts'
import { askSsh } from './keys.ts'
import { startSecurityKey } from './security-key.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

test.each(['sk-ssh-ed25519@openssh.com', 'sk-ecdsa-sha2-nistp256@openssh.com'] as const)(
  '%s of an agent gets in, as with ssh',
  async (type) => {
    const key = await startSecurityKey(type)
    const server = await startSshd({ authorizedKeys: [key.line] })
    const agent = key.socket
    await open(hostFor(server, { agent, identityFiles: [], identitiesOnly: false }))
    const file = testFolder().write('id_sk.pub', `${key.line}\n`)
    await open(hostFor(server, { agent, identityFiles: [file] }))
    await open(hostFor(server, { agent, identityFiles: [file.replace(/\.pub$/, '')] }))
    expect(key.signatures()).toBe(3)
    expect((await askSsh(server, [`IdentityAgent=${agent}`])).gotIn).toBe(true)
  },
)

test('one that the server does not know is offered, never touched', async () => {
  const key = await startSecurityKey('sk-ssh-ed25519@openssh.com')
  const server = await startSshd()
  const host = hostFor(server, { agent: key.socket, identityFiles: [], identitiesOnly: false })
  const problem = await problemFrom(connect(host, { signal: NEVER }))
  expect(problem.detail).toContain('sk-ssh-ed25519@openssh.com SHA256:')
  expect(key.signatures()).toBe(0)
})

test('one that waits for a touch says so to who is there, for as long as it waits', async () => {
  const key = await startSecurityKey('sk-ssh-ed25519@openssh.com')
  const touch = key.hold()
  const server = await startSshd({ authorizedKeys: [key.line] })
  const shown: { summary: string; signal: AbortSignal }[] = []
  const host = hostFor(server, { agent: key.socket, identityFiles: [], identitiesOnly: false })
  const opened = open(host, {
    ask: ({ summary, fields }, signal) => {
      expect(fields).toEqual([])
      shown.push({ summary, signal })
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    },
  })
  await eventually(() => shown.length === 1)
  expect(shown[0]!.summary).toContain('touch the security key')
  touch()
  await opened
  expect(shown.map(({ signal }) => signal.aborted)).toEqual([true])
})

test('one that nobody touches needs a person: another try would only ask again', async () => {
  const key = await startSecurityKey('sk-ssh-ed25519@openssh.com')
  key.hold()
  const server = await startSshd({ authorizedKeys: [key.line] })
  const host = hostFor(server, { agent: key.socket, identityFiles: [], identitiesOnly: false })
  const problem = await problemFrom(connect({ ...host, connectTimeoutMs: 1_500 }, { signal: NEVER }))
  expect(problem.code).toBe('AUTH_NEEDS_PERSON')
  expect(problem.summary).toContain('agent: in software')
})
