import { createCipheriv, createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { appendFileSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { beforeAll, describe, expect, test } from 'vitest'
import type { WantedHost } from '../../src/model/wanted.ts'
import { blobString, mpint } from '../../src/ssh/blob.ts'
import { connect } from '../../src/ssh/connect.ts'
import { publicHalfOf } from '../../src/ssh/private-key.ts'
import { testFolder } from '../helpers/folder.ts'
import { sampleOf } from '../helpers/sample.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { askSsh, type Key, type KeyOptions, newKey, personWho, startAgent } from './keys.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

const PASSPHRASE = 'correct horse battery staple'

const KINDS: KeyOptions[] = [
  { type: 'rsa', bits: 2048 },
  { type: 'rsa', bits: 3072 },
  { type: 'rsa', bits: 4096 },
  { type: 'ecdsa', bits: 256 },
  { type: 'ecdsa', bits: 384 },
  { type: 'ecdsa', bits: 521 },
  { type: 'ed25519' },
]

const MATRIX = KINDS.flatMap((kind) =>
  (['RFC4716', 'PEM', 'PKCS8'] as const).flatMap((format) =>
    ['', PASSPHRASE].map((passphrase) => ({ ...kind, format, passphrase })),
  ),
)

let server: Sshd
beforeAll(async () => {
  server = await startSshd()
})

async function accepted(options: KeyOptions): Promise<Key> {
  const key = await newKey(options)
  appendFileSync(server.authorizedKeysFile, `${key.line}\n`)
  return key
}

const attempt = (host: WantedHost) => problemFrom(connect(host, { signal: NEVER }))

describe('a key file that ssh takes, with its passphrase in a variable where it has one', () => {
  test.each(sampleOf(MATRIX, 5))('$type $bits $format $passphrase', async (options) => {
    const key = await accepted(options)
    const { passphrase = '' } = options
    await open(hostFor(server, { identityFiles: [key.path], passphrase: passphrase || null }))
    if (!passphrase) expect((await askSsh(server, [`IdentityFile=${key.path}`])).gotIn).toBe(true)
  })

  test.each([{}, { cipher: 'aes-256-cbc', passphrase: PASSPHRASE }])(
    'ed25519 in PKCS#8 %o',
    async (options) => {
      const { privateKey } = generateKeyPairSync('ed25519')
      const path = testFolder().write(
        'id',
        privateKey.export({ type: 'pkcs8', format: 'pem', ...options }) as string,
        0o600,
      )
      const { type, blob } = publicHalfOf(privateKey)!
      appendFileSync(server.authorizedKeysFile, `${type} ${blob.toString('base64')}\n`)
      const passphrase = 'passphrase' in options ? options.passphrase! : null
      await open(hostFor(server, { identityFiles: [path], passphrase }))
    },
  )
})

describe("a key in PuTTY's format", () => {
  test.each([null, PASSPHRASE])('version 2, RSA, passphrase %s', async (passphrase) => {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
    const { type, blob } = publicHalfOf(privateKey)!
    appendFileSync(server.authorizedKeysFile, `${type} ${blob.toString('base64')}\n`)
    const path = testFolder().write('key.ppk', puttyKey(privateKey, blob, passphrase ?? ''), 0o600)
    await open(hostFor(server, { identityFiles: [path], passphrase }))
  })

  test('another one is said to be unreadable, and nobody is asked for its passphrase', async () => {
    const text = 'PuTTY-User-Key-File-3: ssh-ed25519\r\nEncryption: aes256-cbc\r\n'
    const path = testFolder().write('key.ppk', text, 0o600)
    const person = personWho([PASSPHRASE])
    const host = hostFor(server, { identityFiles: [path] })
    const problem = await problemFrom(connect(host, { ask: person.ask, signal: NEVER }))
    expect(problem.detail).toContain(`${path} is in a PuTTY format that cannot be read here`)
    expect(person.asked).toEqual([])
  })
})

describe('a key with a passphrase', () => {
  test('is asked for three times, as ssh does, and kept for the next connection', async () => {
    const key = await accepted({ passphrase: PASSPHRASE })
    const person = personWho(['wrong'], ['wrong, too'], [PASSPHRASE])
    const host = hostFor(server, { identityFiles: [key.path] })
    await open(host, { ask: person.ask })
    expect(person.asked.map(({ kind }) => kind)).toEqual(['passphrase', 'passphrase', 'passphrase'])
    expect(person.asked[0]).toMatchObject({ fields: [{ text: `Passphrase for ${key.path}:`, echo: false }] })
    expect(person.asked[1]!.detail).toContain('does not open it')
    await open(host)
    expect(person.asked).toHaveLength(3)
  })

  test.each([
    ['nothing', []],
    ['three wrong ones', [['a'], ['b'], ['c']]],
  ])('who says %s is told what is needed', async (_what, answers) => {
    const key = await accepted({ passphrase: PASSPHRASE })
    const person = personWho(...answers)
    const host = hostFor(server, { identityFiles: [key.path] })
    const problem = await problemFrom(connect(host, { ask: person.ask, signal: NEVER }))
    expect(problem.code).toBe('AUTH_NEEDS_PERSON')
    expect(problem.summary).toContain(key.path)
    expect(problem.hint).toContain('tunnels up')
  })

  test('is asked for only when the server would take the key', async () => {
    const [refused, right] = [
      await newKey({ passphrase: PASSPHRASE }),
      await accepted({ passphrase: PASSPHRASE }),
    ]
    rmSync(`${refused.path}.pub`)
    const person = personWho([PASSPHRASE])
    await open(hostFor(server, { identityFiles: [refused.path, right.path] }), { ask: person.ask })
    expect(person.asked.map(({ summary }) => summary)).toEqual([expect.stringContaining(right.path)])
  })

  test('one that shows its public half to nobody else is opened before it is offered', async () => {
    const key = await accepted({ type: 'rsa', format: 'PEM', passphrase: PASSPHRASE })
    rmSync(`${key.path}.pub`)
    const host = hostFor(server, { identityFiles: [key.path] })
    expect((await attempt(host)).code).toBe('AUTH_NEEDS_PERSON')
    const person = personWho([PASSPHRASE])
    await open(host, { ask: person.ask })
    expect(person.asked).toHaveLength(1)
  })

  test('a wrong passphrase_env is said, and is not tried as anything else', async () => {
    const key = await accepted({ passphrase: PASSPHRASE })
    const host = hostFor(server, { identityFiles: [key.path], passphrase: 'CANARY-passphrase' })
    const problem = await attempt(host)
    expect(problem.code).toBe('AUTH_FAILED')
    expect(problem.summary).toContain('passphrase_env')
    expect(JSON.stringify(problem)).not.toContain('CANARY')
    await open(host, { ask: personWho([PASSPHRASE]).ask })
  })

  test('two hosts with one key ask at once, and one answer is enough', async () => {
    const key = await accepted({ passphrase: PASSPHRASE })
    const host = hostFor(server, { identityFiles: [key.path] })
    const asked: AbortSignal[] = []
    let answer: (answers: string[]) => void = () => {}
    const silent = (_question: unknown, signal: AbortSignal): Promise<string[]> => {
      asked.push(signal)
      return new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    }
    const both = [
      open(host, { ask: silent }),
      open(host, {
        ask: () =>
          new Promise((resolve) => {
            answer = resolve
            if (asked.length > 0) resolve([PASSPHRASE])
          }),
      }),
    ]
    const poll = setInterval(() => asked.length > 0 && answer([PASSPHRASE]), 10)
    await Promise.all(both)
    clearInterval(poll)
    expect(asked[0]!.aborted).toBe(true)
  })

  test('a hash that takes for ever ends with the attempt, and blocks nobody', async () => {
    const key = await accepted({ passphrase: PASSPHRASE })
    writeFileSync(key.path, withRounds(readFileSync(key.path, 'utf8'), 2_000_000_000), { mode: 0o600 })
    const host = hostFor(server, {
      identityFiles: [key.path],
      passphrase: PASSPHRASE,
      connectTimeoutMs: 1_500,
    })
    let ticks = 0
    const timer = setInterval(() => ticks++, 10)
    expect((await attempt(host)).code).toBe('HOST_TIMEOUT')
    clearInterval(timer)
    expect(ticks).toBeGreaterThan(20)
  })

  test('an agent that holds it is asked, and nobody else', async () => {
    const key = await accepted({})
    const agent = await startAgent(key)
    const person = personWho()
    await open(hostFor(server, { agent, identityFiles: [key.path] }), { ask: person.ask })
    expect(person.asked).toEqual([])
  })
})

/** The rounds of bcrypt stand in the clear: `uint32 rounds` after the salt's 16 bytes (PROTOCOL.key). */
function withRounds(text: string, rounds: number): string {
  const body = text.replace(/-----[^-]+-----|\s/g, '')
  const data = Buffer.from(body, 'base64')
  const options = data.indexOf('bcrypt') + 'bcrypt'.length + 4
  data.writeUInt32BE(rounds, options + 4 + 16)
  const lines = data.toString('base64').match(/.{1,70}/g)!
  return `-----BEGIN OPENSSH PRIVATE KEY-----\n${lines.join('\n')}\n-----END OPENSSH PRIVATE KEY-----\n`
}

/** As puttygen writes it (PuTTY's documentation, appendix C, version 2). */
function puttyKey(key: KeyObject, publicBlob: Buffer, passphrase: string): string {
  const { d, p, q, qi } = key.export({ format: 'jwk' })
  const parts = [d, p, q, qi].map((part) => mpint(Buffer.from(part!, 'base64url')))
  const sha1 = (...data: (string | Buffer)[]) =>
    data.reduce((hash, part) => hash.update(part), createHash('sha1')).digest()
  const plain = Buffer.concat(parts)
  const padding = passphrase ? sha1(plain).subarray(0, (16 - (plain.length % 16)) % 16) : Buffer.alloc(0)
  const padded = Buffer.concat([plain, padding])
  const encryption = passphrase ? 'aes256-cbc' : 'none'
  const macKey = sha1('putty-private-key-file-mac-key', passphrase)
  const macData = Buffer.concat(['ssh-rsa', encryption, 'mine', publicBlob, padded].map(blobString))
  const cipherKey = Buffer.concat([0, 1].map((number) => sha1(Buffer.of(0, 0, 0, number), passphrase)))
  const cipher = createCipheriv('aes-256-cbc', cipherKey.subarray(0, 32), Buffer.alloc(16)).setAutoPadding(
    false,
  )
  const lines = (data: Buffer) => data.toString('base64').match(/.{1,64}/g)!
  const [open, hidden] = [lines(publicBlob), lines(passphrase ? cipher.update(padded) : padded)]
  return [
    'PuTTY-User-Key-File-2: ssh-rsa',
    `Encryption: ${encryption}`,
    'Comment: mine',
    `Public-Lines: ${open.length}`,
    ...open,
    `Private-Lines: ${hidden.length}`,
    ...hidden,
    `Private-MAC: ${createHmac('sha1', macKey).update(macData).digest('hex')}`,
    '',
  ].join('\r\n')
}
