import { expect, test } from 'vitest'
import { sshHost } from '../../src/export/ssh-host.ts'
import { loadWell } from '../config/loading.ts'

/** ssh(1) looks whether the file of -i is there, goes on without it where it is not, and tries its default keys. */
test('no key at all is said so that ssh tries none either', async () => {
  const project = await loadWell(`
hosts:
  bare: { identity_file: none }
  one: { identity_file: /k }
forwards: { a: -D 1080 bare, b: -D 1081 one }
`)
  expect(sshHost(project, 'bare').options).toEqual(['-o', 'IdentityFile=none'])
  expect(sshHost(project, 'one').options).toEqual(['-i', '/k'])
})
