// TCP and Unix sockets on either side of a forward, there and back.

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import type { CliProject } from '../helpers/cli.ts'
import type { Destination } from '../helpers/clients.ts'
import { testFolder } from '../helpers/folder.ts'
import { freePorts } from '../helpers/ports.ts'
import { startDigest } from '../helpers/servers.ts'
import { type Sshd, startSshd } from '../helpers/sshd.ts'
import { converse, open, sha256, someBytes } from './bytes.ts'
import { forwardWhen, projectVia } from './project-via.ts'

const up = someBytes(10_000_000, 1)
const down = someBytes(10_000_000, 2)

const ends = ['tcp', 'unix'] as const
const mixes = (['local', 'remote'] as const).flatMap((kind) =>
  ends.flatMap((listen) =>
    ends.map((target) => ({ name: `${kind}, ${listen} to ${target}`, kind, listen, target })),
  ),
)

let sshd: Sshd

beforeAll(async () => {
  sshd = await startSshd()
})

describe('10 MB each way at once', () => {
  let cli: CliProject
  const doors: Destination[] = []

  beforeAll(async () => {
    const folder = testFolder()
    const servers = {
      tcp: await startDigest(down),
      unix: await startDigest(down, { path: folder.join('target.sock') }),
    }
    const to = { tcp: `127.0.0.1:${servers.tcp.port}`, unix: servers.unix.path }
    const ports = await freePorts(mixes.length)
    for (const [index, { listen }] of mixes.entries())
      doors.push(listen === 'unix' ? folder.join(`${index}.sock`) : ports[index]!)
    const forwards = mixes.map(({ kind, target }, index) => [
      `f${index}`,
      { [kind]: doors[index], to: to[target] },
    ])
    cli = projectVia(sshd, Object.fromEntries(forwards))
    await cli.up()
  })

  test.each(mixes.map((mix, index) => ({ ...mix, index })))('$name', async (mix) => {
    const answer = await converse(await open(doors[mix.index]!), up)
    expect(answer.length).toBe(down.length + 64)
    expect(answer.subarray(0, down.length).equals(down)).toBe(true)
    expect(String(answer.subarray(down.length))).toBe(sha256(up))

    const { bytes } = await forwardWhen(cli, `f${mix.index}`, ({ connections }) => connections.active === 0)
    const [there, back] = mix.kind === 'local' ? [bytes.out, bytes.in] : [bytes.in, bytes.out]
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
