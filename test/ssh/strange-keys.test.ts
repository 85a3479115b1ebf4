// Keys that nothing here can use, and files that are no keys at all, beside one that lets us in: a note, never the end.

import { execFileSync } from 'node:child_process'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { createServer } from 'node:net'
import { join } from 'node:path'
import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { ProblemError } from '../../src/model/problem.ts'
import { blobString, uint32 } from '../../src/ssh/blob.ts'
import { connect } from '../../src/ssh/connect.ts'
import { loadCredentials } from '../../src/ssh/credentials.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { testFolder } from '../helpers/folder.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { newKey } from './keys.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

const PASSPHRASE = 'correct horse'

const STRANGE: [string, string, () => KeyObject][] = [
  ['DSA', 'DSA', () => generateKeyPairSync('dsa', { modulusLength: 1024, divisorLength: 160 }).privateKey],
  ['RSA-PSS', 'RSA-PSS', () => generateKeyPairSync('rsa-pss', { modulusLength: 1024 }).privateKey],
  ['X25519', 'X25519', () => generateKeyPairSync('x25519').privateKey],
  ['X448', 'X448', () => generateKeyPairSync('x448').privateKey],
  ['Ed448', 'ED448', () => generateKeyPairSync('ed448').privateKey],
  ['DH', 'DH', () => diffieHellman()],
  ...['secp256k1', 'prime192v1', 'brainpoolP256r1'].map((namedCurve): [string, string, () => KeyObject] => [
    namedCurve,
    `EC (${namedCurve})`,
    () => generateKeyPairSync('ec', { namedCurve }).privateKey,
  ]),
]

/** A kind that the declarations of Node's types leave out. */
function diffieHellman(): KeyObject {
  const generate = generateKeyPairSync as unknown as (
    kind: string,
    options: object,
  ) => { privateKey: KeyObject }
  return generate('dh', { group: 'modp14' }).privateKey
}

let server: Sshd
beforeAll(async () => {
  server = await startSshd()
})

const inFile = (text: string) => testFolder().write('id', text, 0o600)

describe.each(STRANGE)('%s', (_name, kind, make) => {
  const pkcs8 = (options = {}) => make().export({ type: 'pkcs8', format: 'pem', ...options }) as string

  test('is named, and the next key lets us in', async () => {
    const path = inFile(pkcs8())
    const problem = await problemFrom(connect(hostFor(server, { identityFiles: [path] }), { signal: NEVER }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.detail).toContain(`${path} is a key of the kind ${kind}, which nothing here offers.`)
    await open(hostFor(server, { identityFiles: [path, server.identityFile] }))
  })

  test('behind a passphrase, too', async () => {
    const path = inFile(pkcs8({ cipher: 'aes-256-cbc', passphrase: PASSPHRASE }))
    const host = hostFor(server, { identityFiles: [path], passphrase: PASSPHRASE })
    const problem = await problemFrom(connect(host, { signal: NEVER }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.detail).toContain(`${path} is a key of a kind that nothing here offers.`)
    await open({ ...host, identityFiles: [path, server.identityFile] })
  })
})

test.each([
  ['its own format', {}],
  ['PEM', { format: 'PEM' as const }],
  ['its own format, locked', { passphrase: PASSPHRASE }],
])("ssh-keygen's DSA in %s", async (_format, options) => {
  const { path } = await newKey({ type: 'dsa', ...options })
  const host = hostFor(server, { identityFiles: [path], passphrase: PASSPHRASE })
  const problem = await problemFrom(connect(host, { signal: NEVER }))
  expect(problem.code).toBe('AUTH_FAILED')
  expect(problem.detail).toMatch(/ is a key of the kind (DSA|ssh-dss), which nothing here offers/)
  await open({ ...host, identityFiles: [path, server.identityFile] })
})

test('a certificate that begins when no calendar does is one more to offer', async () => {
  const [authority, key] = [await newKey(), await newKey()]
  const far = ['-V', '0x7fffffffffffff00:0x7fffffffffffffff']
  execFileSync('ssh-keygen', [
    '-q',
    '-s',
    authority.path,
    '-I',
    'mine',
    '-n',
    'me',
    ...far,
    `${key.path}.pub`,
  ])
  const host = hostFor(server, { identityFiles: [key.path, server.identityFile] })
  expect((await loadCredentials(host, { signal: NEVER })).notes.join('\n')).toContain('is valid from a day')
  await open(host)
})

describe('whatever a file holds, and whatever an agent lists', () => {
  const texts = async () => {
    const keys = await Promise.all([
      newKey(),
      newKey({ type: 'ecdsa', format: 'PEM' }),
      newKey({ type: 'dsa' }),
      newKey({ passphrase: PASSPHRASE }),
    ])
    const read = ({ path }: { path: string }) =>
      [path, `${path}.pub`].map((file) => execFileSync('cat', [file]))
    return [
      ...keys.flatMap(read),
      ...STRANGE.map(([, , make]) => Buffer.from(make().export({ type: 'pkcs8', format: 'pem' }) as string)),
    ]
  }

  test('no file makes an attempt fail before it was made', async () => {
    const all = await texts()
    const cut = fc
      .tuple(
        fc.nat(all.length - 1),
        fc.double({ min: 0, max: 1, noNaN: true }),
        fc.uint8Array({ maxLength: 8 }),
      )
      .map(([which, part, junk]) => {
        const text = all[which]!
        const at = Math.floor(part * text.length)
        return Buffer.concat([text.subarray(0, at), junk, text.subarray(at + junk.length)])
      })
    const shortened = fc
      .tuple(fc.nat(all.length - 1), fc.double({ min: 0, max: 1, noNaN: true }))
      .map(([which, part]) => all[which]!.subarray(0, Math.floor(part * all[which]!.length)))
    const wrapped = fc.uint8Array({ maxLength: 300 }).map((bytes) => {
      const encoded = Buffer.concat([Buffer.from('openssh-key-v1\0'), bytes]).toString('base64')
      return Buffer.from(
        `-----BEGIN OPENSSH PRIVATE KEY-----\n${encoded}\n-----END OPENSSH PRIVATE KEY-----\n`,
      )
    })
    const random = fc.uint8Array({ maxLength: 2_000 }).map((bytes) => Buffer.from(bytes))
    const folder = testFolder()
    const isHarmless = async (bytes: Buffer) => {
      const path = folder.write('id', bytes.toString('latin1'), 0o600)
      const files = ['', '.pub', '-cert.pub'].map((end) =>
        folder.write(`id${end}`, bytes.toString('latin1'), 0o600),
      )
      const host = hostFor(server, {
        identityFiles: [path],
        certificateFiles: files.slice(2),
        passphrase: null,
      })
      const { identities } = await loadCredentials(host, { signal: NEVER })
      for (const { reveal } of identities)
        await reveal().catch((error) => expect(error).toBeInstanceOf(ProblemError))
    }
    await fc.assert(fc.asyncProperty(fc.oneof(cut, shortened, wrapped, random), isHarmless), { numRuns: 300 })
  })

  test('no list makes an attempt fail, and what it has of no use is named', async () => {
    const dss = blobString(Buffer.concat([blobString('ssh-dss'), blobString('x')]))
    const odd = blobString(Buffer.concat([blobString('constructor-cert-v01@openssh.com'), blobString('x')]))
    const list = [dss, blobString('old'), odd, blobString('odd'), blobString(''), blobString('empty')]
    const socket = await agentThatSays(Buffer.concat([Buffer.of(12), uint32(3), ...list]))
    const host = hostFor(server, { agent: socket, identitiesOnly: false })
    const { notes } = await loadCredentials(host, { signal: NEVER })
    expect(notes).toEqual(['agent: old is a key of the kind ssh-dss, which nothing here offers.'])
    await open(host)
  })

  test('nor does any other answer', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 200 }), async (bytes) => {
        const socket = await agentThatSays(Buffer.concat([Buffer.of(12), bytes]))
        const host = hostFor(server, { agent: socket, identitiesOnly: false })
        expect((await loadCredentials(host, { signal: NEVER })).identities).toHaveLength(1)
      }),
      { numRuns: 50 },
    )
  })
})

async function agentThatSays(answer: Buffer): Promise<string> {
  const socket = join(testFolder().path, 'agent')
  const agent = createServer(
    (client) =>
      void client
        .on('error', () => {})
        .resume()
        .write(blobString(answer)),
  )
  await new Promise<void>((resolve) => agent.listen(socket, resolve))
  atEnd(() => void agent.close())
  return socket
}
