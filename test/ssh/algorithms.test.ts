import { describe, expect, test } from 'vitest'
import { problemOf } from '../../src/model/problem.ts'
import { algorithmsFor, applyList, userKeyAlgorithms } from '../../src/ssh/algorithms.ts'
import type { Sshd } from '../helpers/sshd.ts'
import { hostFor } from './support.ts'

const host = (change: Parameters<typeof hostFor>[1]) =>
  hostFor({ identityFile: '', knownHostsFile: '' } as Sshd, change)
const offered = (change: Parameters<typeof hostFor>[1], known: string[] = []) =>
  algorithmsFor(host(change), new Set(known)) as Record<string, string[]>

describe('lists as in ssh_config', () => {
  const ours = ['a', 'b', 'c']
  const known = ['a', 'b', 'c', 'old', 'older']
  test.each([
    [null, ['a', 'b', 'c']],
    ['c,a', ['c', 'a']],
    ['nope,b', ['b']],
    ['+old', ['a', 'b', 'c', 'old']],
    ['+old*', ['a', 'b', 'c', 'old', 'older']],
    ['+a', ['a', 'b', 'c']],
    ['-b', ['a', 'c']],
    ['-?', null],
    ['^c', ['c', 'a', 'b']],
    ['^old,nope', ['old', 'a', 'b', 'c']],
    ['nope', null],
    ['', null],
  ])('%j', (spec, expected) => {
    expect(applyList(spec, ours, known)).toEqual(expected)
  })
})

describe('what is offered', () => {
  test('the fast ciphers that authenticate first, and nothing with SHA-1', () => {
    const lists = offered({})
    expect(lists.cipher?.[0]).toBe('aes128-gcm@openssh.com')
    expect(JSON.stringify(lists)).not.toMatch(/sha1|ssh-rsa|-cbc|arcfour/)
    expect(lists.compress).toEqual(['none'])
  })

  test('compression when it is wished', () => {
    expect(offered({ compression: true }).compress?.[0]).toBe('zlib@openssh.com')
  })

  test('host key types on file first, unless the user set the order', () => {
    expect(offered({}, ['ssh-rsa']).serverHostKey?.slice(0, 3)).toEqual([
      'rsa-sha2-512',
      'rsa-sha2-256',
      'ssh-ed25519',
    ])
    const list = { hostKeyAlgorithms: 'ssh-ed25519,rsa-sha2-512' }
    expect(offered(list, ['ssh-rsa']).serverHostKey).toEqual(['ssh-ed25519', 'rsa-sha2-512'])
    expect(offered({ hostKeyAlgorithms: '-ecdsa-*' }, ['ssh-rsa']).serverHostKey?.[0]).toBe('rsa-sha2-512')
  })

  test('an old one only when it is named', () => {
    expect(offered({ macs: '+hmac-sha1' }).hmac).toContain('hmac-sha1')
    expect(offered({ hostKeyAlgorithms: '+ssh-rsa' }).serverHostKey).toContain('ssh-rsa')
  })

  test('our own keys never sign with SHA-1', () => {
    expect(userKeyAlgorithms(host({ pubkeyAcceptedAlgorithms: '+ssh-rsa' }))).not.toContain('ssh-rsa')
  })

  test('a list that leaves nothing names its keyword', () => {
    const fail = (work: () => unknown) => {
      try {
        return work()
      } catch (error) {
        return problemOf(error).summary
      }
    }
    expect(fail(() => offered({ kexAlgorithms: 'mlkem768x25519-sha256' }))).toContain('kex_algorithms')
    expect(fail(() => userKeyAlgorithms(host({ pubkeyAcceptedAlgorithms: 'ssh-rsa' })))).toContain(
      'pubkey_accepted_algorithms',
    )
  })
})
