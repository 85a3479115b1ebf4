// A host key that nobody knows, put to a person, against a real sshd: what they see, and what each answer does.

import { existsSync, readFileSync } from 'node:fs'
import { connect as netConnect } from 'node:net'
import { describe, expect, test } from 'vitest'
import type { Ask, Question } from '../../src/model/prompt.ts'
import { contradictsKnownHosts } from '../../src/ssh/pinned-keys.ts'
import { randomart } from '../../src/ssh/randomart.ts'
import { testFolder } from '../helpers/folder.ts'
import { makeKey, type Sshd, startSshd } from '../helpers/sshd.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

/** Somebody who gives these answers, one after the other, and remembers what was asked. */
function person(...answers: (string | null)[]) {
  const asked: Question[] = []
  const ask: Ask = async (question) => {
    asked.push(question)
    const answer = answers.shift()
    return answer === undefined || answer === null ? null : [answer]
  }
  return { ask, asked }
}

/** A server whose key stands in no file yet. */
async function stranger(options: Parameters<typeof startSshd>[0] = {}) {
  const server = await startSshd(options)
  const file = testFolder().join('.ssh/known_hosts')
  return { server, file, host: hostFor(server, { userKnownHostsFiles: [file] }) }
}

const lineOf = (server: Sshd) =>
  `[127.0.0.1]:${server.port} ${server.hostPublicKeys[0]!.split(' ').slice(0, 2).join(' ')}\n`

describe('a person is asked', () => {
  test('with the fingerprint, its picture and the way to answer', async () => {
    const { server, host } = await stranger()
    const { ask, asked } = person('no')
    await problemFrom(open(host, { ask }))
    const key = Buffer.from(server.hostPublicKeys[0]!.split(' ')[1]!, 'base64')
    expect(asked).toEqual([
      {
        kind: 'host_key',
        summary: `The host key of acme (127.0.0.1:${server.port}) is not known`,
        detail: [
          `ED25519 key fingerprint is ${server.hostKeyFingerprint}.`,
          randomart(key),
          'This key is not known by any other names.',
        ].join('\n'),
        fields: [
          { text: 'Are you sure you want to continue connecting (yes/no/[fingerprint])?', echo: true },
        ],
      },
    ])
  })

  test.each(['yes', ' YES ', 'the fingerprint'])(
    '%s: it connects, and the key is written down',
    async (word) => {
      const { server, file, host } = await stranger()
      const { ask, asked } = person(word === 'the fingerprint' ? server.hostKeyFingerprint : word)
      const carrier = await open(host, { ask })
      expect(carrier.warning).toBe(null)
      expect(readFileSync(file, 'utf8')).toBe(lineOf(server))
      await open(host, { ask })
      expect(asked).toHaveLength(1)
    },
  )

  test.each(['no', 'N', '', null])('%j: no login, and nothing is written', async (word) => {
    const { server, file, host } = await stranger()
    const problem = await problemFrom(open(host, { ask: person(word).ask }))
    expect(problem).toMatchObject({ code: 'HOST_KEY_UNKNOWN' })
    expect(problem.hint).toContain('tunnels up')
    expect(existsSync(file)).toBe(false)
    expect(server.log()).not.toMatch(/publickey|userauth/)
  })

  test('another fingerprint, then rubbish: again, as ssh', async () => {
    const { host } = await stranger()
    const { ask, asked } = person('SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU', 'what', 'yes')
    await open(host, { ask })
    expect(asked.map(({ detail }) => detail !== undefined)).toEqual([true, false, false])
    expect(asked.map(({ fields }) => fields[0]!.text).slice(1)).toEqual([
      "Please type 'yes', 'no' or the fingerprint:",
      "Please type 'yes', 'no' or the fingerprint:",
    ])
  })

  test('only when nobody knows it: not about a changed one, not with yes, not with pinned keys', async () => {
    const { server, host } = await stranger()
    const folder = testFolder()
    await makeKey(folder.join('other'), 'ed25519')
    const other = readFileSync(folder.join('other.pub'), 'utf8')
    const changed = folder.write('known_hosts', `[127.0.0.1]:${server.port} ${other}`)
    const { ask, asked } = person('yes', 'yes', 'yes')
    const codes = [
      await problemFrom(open({ ...host, userKnownHostsFiles: [changed] }, { ask })),
      await problemFrom(open({ ...host, strictHostKeyChecking: 'yes' }, { ask })),
      await problemFrom(open({ ...host, hostKeys: ['SHA256:no'] }, { ask })),
    ].map(({ code }) => code)
    expect(codes).toEqual(['HOST_KEY_CHANGED', 'HOST_KEY_UNKNOWN', 'HOST_KEY_CHANGED'])
    expect(asked).toEqual([])
  })

  test('and the yes is for that key alone: who answers next has another, and does not get in', async () => {
    const { server, file, host } = await stranger()
    const impostor = await startSshd()
    const doors = [server.port, impostor.port]
    const openStream = async () => netConnect({ port: doors.shift()!, host: '127.0.0.1' })
    const problem = await problemFrom(open(host, { ask: person('yes').ask, openStream }))
    expect(problem.code).toBe('HOST_KEY_UNKNOWN')
    expect(problem.detail).toContain(impostor.hostKeyFingerprint)
    expect(existsSync(file)).toBe(false)
    expect(impostor.log()).not.toMatch(/publickey|userauth/)
  })

  test('with the names under which the key is known already', async () => {
    const { server, file, host } = await stranger()
    const folder = testFolder()
    const known = folder.write('global', lineOf(server).replace(/^\S+/, 'old.example.com'))
    const { ask, asked } = person('no')
    await problemFrom(open({ ...host, globalKnownHostsFiles: [known], userKnownHostsFiles: [file] }, { ask }))
    expect(asked[0]!.detail).toContain(`known by the following other names:\n    ${known}:1: old.example.com`)
  })

  test('the key is written down although the login fails: the next attempt asks nothing', async () => {
    const { server, file, host } = await stranger({ authorizedKeys: [] })
    const problem = await problemFrom(open(host, { ask: person('yes').ask }))
    expect(problem.code).toBe('AUTH_FAILED')
    expect(readFileSync(file, 'utf8')).toBe(lineOf(server))
  })

  test('the time to think is not the attempt’s, and an answer that comes too late for it changes nothing', async () => {
    const { host } = await stranger()
    const gone = new AbortController()
    const ask: Ask = (_question, signal) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason))
        gone.abort(new Error('gone'))
      })
    await expect(open(host, { ask, signal: gone.signal })).rejects.toThrow('gone')
  })
})

describe('a key that is taken without a question', () => {
  test('with no: it connects, writes it down, and says what it did', async () => {
    const { server, file, host } = await stranger()
    const carrier = await open({ ...host, strictHostKeyChecking: 'no' })
    expect(carrier.warning).toMatchObject({ code: 'HOST_KEY_UNKNOWN', severity: 'warning' })
    expect(carrier.warning!.hint).toContain(`host_keys: ["${server.hostKeyFingerprint}"]`)
    expect(readFileSync(file, 'utf8')).toBe(lineOf(server))
    expect((await open({ ...host, strictHostKeyChecking: 'no' })).warning).toBe(null)
  })

  test('where it cannot be written down it says so: it will be new again next time', async () => {
    const { host } = await stranger()
    const file = testFolder().write('authorized_keys', '')
    const carrier = await open({ ...host, userKnownHostsFiles: [file], strictHostKeyChecking: 'accept-new' })
    expect(carrier.warning).toMatchObject({ code: 'HOST_KEY_UNKNOWN', severity: 'warning' })
    expect(carrier.warning!.summary).toContain(`could not be written to ${file}: it says who may log in`)
    expect(readFileSync(file, 'utf8')).toBe('')
  })

  test('the name is hashed where ssh is told to (HashKnownHosts)', async () => {
    const { server, file, host } = await stranger()
    await open({ ...host, strictHostKeyChecking: 'accept-new', hashKnownHosts: true })
    expect(readFileSync(file, 'utf8')).toMatch(/^\|1\|\S+ ssh-ed25519 AAAA/)
    expect(readFileSync(file, 'utf8')).not.toContain(String(server.port))
    await open({ ...host, strictHostKeyChecking: 'yes' })
  })
})

describe('pinned keys beside known_hosts', () => {
  const right = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFJn0Wq1p0kd1CwqX2fWb0dF2sO2zv2mP4nJ8i4m9X8e'
  const wrong = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIGJn0Wq1p0kd1CwqX2fWb0dF2sO2zv2mP4nJ8i4m9X8e'

  const verdict = async (text: string, ...hostKeys: string[]) => {
    const file = testFolder().write('known_hosts', text)
    const pins = { hostKeys: hostKeys.length > 0 ? hostKeys : null }
    const host = hostFor({ port: 22 } as Sshd, { ...pins, userKnownHostsFiles: [file] })
    return (await contradictsKnownHosts(host, null))?.code ?? null
  }

  test('they contradict when the host is on file and one of them is not there, or one is revoked', async () => {
    expect(await verdict(`127.0.0.1 ${wrong}\n`, right)).toBe('HOST_KEY_CHANGED')
    expect(await verdict(`127.0.0.1 ${right}\n@revoked * ${right}\n`, right)).toBe('HOST_KEY_REVOKED')
    expect(await verdict(`127.0.0.1 ${right}\n127.0.0.1 ${wrong}\n`, wrong, right)).toBe(null)
    expect(await verdict(`other ${wrong}\n`, right)).toBe(null)
    expect(await verdict('', right)).toBe(null)
    expect(await verdict(`127.0.0.1 ${wrong}\n`)).toBe(null)
  })

  test('a key that is added to known ones contradicts, also a fingerprint, and one of another type', async () => {
    const known = `127.0.0.1 ${right}\n`
    const ecdsa = Buffer.from([0, 0, 0, 19, ...Buffer.from('ecdsa-sha2-nistp256'), 0, 0, 0, 0, 0, 0, 0, 0])
    for (const added of [
      wrong,
      `SHA256:${'A'.repeat(43)}`,
      `ecdsa-sha2-nistp256 ${ecdsa.toString('base64')}`,
    ])
      for (const pins of [
        [right, added],
        [added, right],
      ])
        expect(await verdict(known, ...pins)).toBe('HOST_KEY_CHANGED')
    expect(await verdict(known, right)).toBe(null)
  })

  test('an alias of the file hides neither the real name nor the alias of one’s own ssh configuration', async () => {
    const look = async (text: string, own: string | null, hostKeyAlias: string | null = 'mine') => {
      const userKnownHostsFiles = [testFolder().write('known_hosts', text)]
      const change = { hostKeys: [right], userKnownHostsFiles, hostKeyAlias }
      return (await contradictsKnownHosts(hostFor({ port: 2222 } as Sshd, change), own))?.code ?? null
    }
    expect(await look(`[127.0.0.1]:2222 ${wrong}\n`, null)).toBe('HOST_KEY_CHANGED')
    expect(await look(`127.0.0.1 ${wrong}\n`, null)).toBe('HOST_KEY_CHANGED')
    expect(await look(`mine ${right}\n127.0.0.1 ${wrong}\n`, null)).toBe('HOST_KEY_CHANGED')
    expect(await look(`mine ${wrong}\n127.0.0.1 ${right}\n`, null)).toBe('HOST_KEY_CHANGED')
    expect(await look(`theirs ${wrong}\n`, 'theirs')).toBe('HOST_KEY_CHANGED')
    expect(await look(`@revoked 127.0.0.1 ${right}\n`, null)).toBe('HOST_KEY_REVOKED')
    expect(await look(`mine ${right}\n[127.0.0.1]:2222 ${right}\n`, null)).toBe(null)
    // One's own alias says where to look, and the real name says nothing then.
    expect(await look(`127.0.0.1 ${wrong}\n`, 'theirs')).toBe(null)
    expect(await look(`127.0.0.1 ${wrong}\n`, 'theirs', 'theirs')).toBe(null)
  })

  test('without the port they are looked up where nothing is known of it, as ssh does', async () => {
    const look = async (text: string) => {
      const userKnownHostsFiles = [testFolder().write('known_hosts', text)]
      const host = hostFor({ port: 2222 } as Sshd, { hostKeys: [right], userKnownHostsFiles })
      return (await contradictsKnownHosts(host, null))?.code ?? null
    }
    expect(await look(`127.0.0.1 ${wrong}\n`)).toBe('HOST_KEY_CHANGED')
    expect(await look(`[127.0.0.1]:2222 ${right}\n127.0.0.1 ${wrong}\n`)).toBe(null)
  })
})

test('`none` is no file: not one to read in the folder where we are, nor one to write', async () => {
  const { server, host } = await stranger()
  const folder = testFolder()
  folder.write('none', readFileSync(server.knownHostsFile, 'utf8'))
  const before = process.cwd()
  process.chdir(folder.path)
  try {
    const none = { ...host, userKnownHostsFiles: ['none'] }
    const problem = await problemFrom(open({ ...none, strictHostKeyChecking: 'yes' }))
    expect(problem.code).toBe('HOST_KEY_UNKNOWN')
    folder.write('none', '')
    expect((await open({ ...none, strictHostKeyChecking: 'accept-new' })).warning).toBe(null)
    expect(readFileSync(folder.join('none'), 'utf8')).toBe('')
  } finally {
    process.chdir(before)
  }
})

test('nobody can be asked where nobody is', async () => {
  const { host } = await stranger()
  expect((await problemFrom(open(host, { signal: NEVER }))).code).toBe('HOST_KEY_UNKNOWN')
})
