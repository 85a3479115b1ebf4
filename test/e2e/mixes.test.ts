// TCP and Unix sockets on either side of a forward, there and back.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { testFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/ports.ts'
import { startDigest, type Where } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { converse, open, sha256, someBytes } from './bytes.ts'
import { forwardWhen, projectVia } from './project-via.ts'

const up = someBytes(10_000_000, 1)
const down = someBytes(10_000_000, 2)

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

const ends = ['tcp', 'unix'] as const
const mixes = ends.flatMap((listen) => ends.map((target) => [listen, target] as const))

describe.each(['local', 'remote'] as const)('%s', (kind) => {
  test.each(mixes)('%s to %s: 10 MB each way at once', async (listen, target) => {
    const folder = testFolder()
    const where: Where = target === 'unix' ? { path: folder.join('target.sock') } : {}
    const server = await startDigest(down, where)
    const from = listen === 'unix' ? folder.join('listen.sock') : await freePort()
    const to = server.path || `127.0.0.1:${server.port}`
    const cli = projectVia(sshd, { it: { [kind]: from, to } })
    await cli.up()

    const answer = await converse(await open(from), up)
    expect(answer.length).toBe(down.length + 64)
    expect(answer.subarray(0, down.length).equals(down)).toBe(true)
    expect(String(answer.subarray(down.length))).toBe(sha256(up))

    const { bytes } = await forwardWhen(cli, 'it', ({ connections }) => connections.active === 0)
    const [there, back] = kind === 'local' ? [bytes.out, bytes.in] : [bytes.in, bytes.out]
    expect({ there, back }).toEqual({ there: up.length, back: down.length + 64 })
  })
})

test('a Unix socket inside the project is listened on for this user alone, and goes with its forward', async () => {
  const server = await startDigest('hello')
  const cli = projectVia(sshd, { it: { local: './run/it.sock', to: `127.0.0.1:${server.port}` } })
  const path = join(cli.folder, 'run/it.sock')
  await cli.up()
  expect(String(await converse(await open(path)))).toBe(`hello${sha256()}`)
  expect((await cli.status()).forwards[0]!.listen).toEqual([path])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(statSync(join(cli.folder, 'run')).mode & 0o777).toBe(0o700)
  await cli.down()
  expect(existsSync(path)).toBe(false)
})
