// Eighteen forwards in a row through one server: nine lead there, nine lead back, each into the next.

import { expect, test } from 'vitest'
import { freePorts } from '../helpers/ports.ts'
import { startDigest } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { converse, open, sha256, someBytes } from './bytes.ts'
import { projectVia } from './project-via.ts'

const pairs = 9

test('64 MB pass a chain of nine local and nine remote forwards unchanged, on one connection', async () => {
  const [sshd, digest] = await Promise.all([startSshd(), startDigest()])
  const ports = await freePorts(2 * pairs)
  const forwards = ports.map((port, index) => {
    const to = `127.0.0.1:${ports[index + 1] ?? digest.port}`
    return [`f${index}`, index % 2 === 0 ? { local: port, to } : { remote: port, to }] as const
  })
  const cli = projectVia(sshd, Object.fromEntries(forwards))
  await cli.up()

  const sent = someBytes(64 << 20)
  expect(String(await converse(await open(ports[0]!), sent))).toBe(sha256(sent))

  const status = await cli.status()
  expect(status.forwards).toHaveLength(2 * pairs)
  for (const { kind, state, connections, bytes } of status.forwards) {
    expect({ state, total: connections.total }).toEqual({ state: 'open', total: 1 })
    const [there, back] = kind === 'local' ? [bytes.out, bytes.in] : [bytes.in, bytes.out]
    expect({ there, back }).toEqual({ there: sent.length, back: 64 })
  }
  expect([sshd.connections(), sshd.logins(), sshd.sessions().length]).toEqual([1, 1, 1])
})
