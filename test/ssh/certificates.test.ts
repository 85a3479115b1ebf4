import { copyFileSync, readFileSync, rmSync } from 'node:fs'
import { beforeAll, expect, test } from 'vitest'
import type { WantedHost } from '../../src/model/wanted.ts'
import { connect } from '../../src/ssh/connect.ts'
import { testFolder } from '../helpers/folder.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import {
  askSsh,
  certify,
  type Key,
  type KeyOptions,
  newKey,
  offeredIn,
  personWho,
  startAgent,
} from './keys.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

const KINDS: KeyOptions[] = [
  { type: 'ed25519' },
  { type: 'rsa', bits: 2048 },
  { type: 'ecdsa', bits: 256 },
  { type: 'ecdsa', bits: 521 },
]

let authority: Key
let server: Sshd
beforeAll(async () => {
  authority = await newKey()
  const config = [`TrustedUserCAKeys ${authority.path}.pub`]
  server = await startSshd({ config, authorizedKeys: [] })
})

const attempt = (host: WantedHost) => problemFrom(connect(host, { signal: NEVER }))

test.each(KINDS)('$type $bits: a certificate beside its key file, as ssh finds it', async (kind) => {
  const key = await newKey(kind)
  const host = hostFor(server, { identityFiles: [key.path] })
  expect((await attempt(host)).code).toBe('AUTH_FAILED')
  await certify(authority, key, server.user)
  await open(host)
  expect((await askSsh(server, [`IdentityFile=${key.path}`])).gotIn).toBe(true)
})

test.each(KINDS)('$type $bits: a certificate that an agent holds with its key', async (kind) => {
  const key = await newKey(kind)
  await certify(authority, key, server.user)
  const agent = await startAgent(key)
  for (const file of ['', '.pub', '-cert.pub']) rmSync(key.path + file)
  await open(hostFor(server, { agent, identityFiles: [], identitiesOnly: false }))
})

test('certificate_file, with the key in a file, and with the key in an agent', async () => {
  const key = await newKey()
  const beside = await certify(authority, key, server.user)
  const elsewhere = testFolder().join('elsewhere.pub')
  copyFileSync(beside, elsewhere)
  rmSync(beside)
  const agent = await startAgent(key)
  const certificateFiles = [elsewhere]
  await open(hostFor(server, { identityFiles: [key.path], certificateFiles }))
  await open(hostFor(server, { agent, identityFiles: [], identitiesOnly: false, certificateFiles }))
  await open(hostFor(server, { agent, identityFiles: [`${key.path}.pub`], certificateFiles }))
})

test('for a key with a passphrase: it is asked for once the server takes the certificate', async () => {
  const key = await newKey({ passphrase: 'secret words' })
  await certify(authority, key, server.user)
  const host = hostFor(server, { identityFiles: [key.path] })
  expect((await attempt(host)).code).toBe('AUTH_NEEDS_PERSON')
  const person = personWho(['secret words'])
  await open(host, { ask: person.ask })
  expect(person.asked).toHaveLength(1)
})

test('what ssh offers, in its order: certificates that are named, then keys with what is beside them', async () => {
  const [named, held, plain] = await Promise.all([newKey(), newKey(), newKey()])
  const other = await newKey()
  for (const key of [named, plain]) await certify(other, key, server.user)
  const certificateFile = testFolder().join('named.pub')
  copyFileSync(`${named.path}-cert.pub`, certificateFile)
  const agent = await startAgent(named, held)
  const identityFiles = [plain.path, named.path]
  const config = [`IdentityAgent=${agent}`, ...identityFiles.map((path) => `IdentityFile=${path}`)]
  for (const certificateFiles of [[certificateFile], []]) {
    const host = hostFor(server, { agent, identityFiles, identitiesOnly: false, certificateFiles })
    const ours = offeredIn((await attempt(host)).detail)
    const options = [...config, ...certificateFiles.map((path) => `CertificateFile=${path}`)]
    expect(ours).toEqual((await askSsh(server, options)).offered)
  }
})

test('why none of it worked: which certificate, that it has expired, that a file is none', async () => {
  const key = await newKey()
  await certify(authority, key, server.user, '-V', '20200101:20200102')
  const missing = testFolder().join('nowhere-cert.pub')
  const expired = await attempt(hostFor(server, { identityFiles: [key.path] }))
  expect(expired.code).toBe('AUTH_FAILED')
  expect(expired.detail).toMatch(/ssh-ed25519-cert-v01@openssh\.com SHA256:\S+ \(.*certificate mine\)/)
  expect(expired.detail).toContain('The certificate mine was valid until 2020-01-0')
  const broken = testFolder().write('broken-cert.pub', 'nothing of the kind')
  const certificateFiles = [missing, broken, `${key.path}.pub`]
  const none = await attempt(hostFor(server, { identityFiles: [key.path], certificateFiles }))
  expect(none.detail).toContain(`There is no ${missing}.`)
  expect(none.detail).toContain(`${broken} has no certificate that can be read.`)
  expect(none.detail).toContain(`${key.path}.pub is a key, not a certificate`)
})

test('a certificate for hosts is none for users', async () => {
  const key = await newKey()
  await certify(authority, key, server.user, '-h')
  const problem = await attempt(hostFor(server, { identityFiles: [key.path] }))
  expect(problem.detail).not.toContain('cert-v01')
  expect(readFileSync(`${key.path}-cert.pub`, 'utf8')).toContain('cert-v01')
})
