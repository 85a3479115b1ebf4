// What stands where a key or a known_hosts file should be and is none: said by name, and nobody waits for it.

import { execFileSync } from 'node:child_process'
import { readFileSync, truncateSync } from 'node:fs'
import { expect, test } from 'vitest'
import type { WantedHost } from '../../src/model/wanted.ts'
import { connect } from '../../src/ssh/connect.ts'
import { testFolder } from '../helpers/folder.ts'
import { startSshd } from '../helpers/sshd.ts'
import { hostFor, NEVER, open, problemFrom } from './support.ts'

const attempt = (host: WantedHost) => problemFrom(connect(host, { signal: NEVER }))

function namedPipe(name = 'pipe'): string {
  const path = testFolder().join(name)
  execFileSync('mkfifo', [path])
  return path
}

/** Without a byte of it on the disk. */
function ofSize(bytes: number): string {
  const path = testFolder().write('large', '')
  truncateSync(path, bytes)
  return path
}

const MIB = 1024 * 1024

test('a key file: the others are tried, and the problem names it', async () => {
  const server = await startSshd()
  const [pipe, large] = [namedPipe(), ofSize(MIB + 1)]
  const identityFiles = [pipe, large]
  const problem = await attempt(hostFor(server, { identityFiles }))
  expect(problem.code).toBe('AUTH_FAILED')
  expect(problem.detail).toContain(`${pipe} is a named pipe, not a file.`)
  expect(problem.detail).toContain(`${large} is larger than 1 MiB and was not read.`)
  await open(hostFor(server, { identityFiles: [pipe, large, server.identityFile] }))
})

test('the public half beside a key counts as absent', async () => {
  const server = await startSshd()
  const key = testFolder().write('key', readFileSync(server.identityFile, 'utf8'))
  execFileSync('mkfifo', [`${key}.pub`])
  await open(hostFor(server, { identityFiles: [key] }))
})

test('known_hosts: a key that is on file elsewhere is good, a new one is never taken', async () => {
  const server = await startSshd()
  const folder = testFolder()
  const none = folder.join('none')
  for (const [file, why] of [
    [namedPipe(), 'is a named pipe, not a file.'],
    [ofSize(32 * MIB + 1), 'is larger than 32 MiB and was not read.'],
  ] as const) {
    for (const files of [
      { userKnownHostsFiles: [file] },
      { userKnownHostsFiles: [none], globalKnownHostsFiles: [file] },
    ]) {
      const problem = await attempt(hostFor(server, { ...files, strictHostKeyChecking: 'accept-new' }))
      expect(problem.code).toBe('HOST_KEY_UNKNOWN')
      expect(problem.detail).toContain(`${file} ${why}`)
    }
    await open(hostFor(server, { userKnownHostsFiles: [file, server.knownHostsFile] }))
  }
})

test('/dev/null as known_hosts is empty, as for ssh', async () => {
  const server = await startSshd()
  await open(hostFor(server, { userKnownHostsFiles: ['/dev/null'], strictHostKeyChecking: 'accept-new' }))
})
