import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { randomart } from '../../src/ssh/randomart.ts'
import { testFolder } from '../helpers/folder.ts'
import { makeKey } from '../helpers/sshd.ts'

test.each(['ed25519', 'rsa', 'ecdsa'] as const)(
  'the picture of an %s key is that of ssh-keygen',
  async (type) => {
    const folder = testFolder()
    for (const name of ['a', 'b', 'c']) {
      await makeKey(folder.join(name), type)
      const said = execFileSync('ssh-keygen', ['-lv', '-f', folder.join(`${name}.pub`)], { encoding: 'utf8' })
      const key = Buffer.from(readFileSync(folder.join(`${name}.pub`), 'utf8').split(' ')[1]!, 'base64')
      expect(randomart(key).split('\n')).toEqual(said.trim().split('\n').slice(1))
    }
  },
)
