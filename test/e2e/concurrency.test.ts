// Many at once through one forward: none hears another's bytes, and nothing stays behind.

import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream'
import { expect, test } from 'vitest'
import { eventually } from '../helpers/eventually.ts'
import { freePort } from '../helpers/ports.ts'
import { isFull } from '../helpers/sample.ts'
import { startServer } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { open, openBySocks, sha256, someBytes } from './bytes.ts'
import { forwardOf, forwardWhen, projectVia } from './project-via.ts'

const clients = 500
const size = 1_000_000

const kinds = ['local', 'remote', 'dynamic'] as const

test.each(isFull ? kinds : kinds.slice(0, 1))(
  '%s: 500 connections at once carry 1 MB each, there and back, and then no socket is left',
  async (kind) => {
    const sshd = await startSshd()
    const waiting: Socket[] = []
    const server = await startServer((socket) => void waiting.push(socket))
    const echoAll = () => {
      for (const socket of waiting.splice(0)) pipeline(socket, socket, () => {})
    }
    const port = await freePort()
    const to = kind === 'dynamic' ? {} : { to: `127.0.0.1:${server.port}` }
    // On a busy machine they stand in line.
    const cli = projectVia(sshd, { it: { [kind]: port, ...to } }, { host: { connect_timeout: '60s' } })
    await cli.up()
    const { pid } = (await cli.status()).supervisor

    const enter = () =>
      kind === 'dynamic' ? openBySocks(port, 5, { host: '127.0.0.1', port: server.port }) : open(port)

    const first = startRound(await enter(), 0)
    await eventually(() => waiting.length === 1)
    echoAll()
    await first.done
    await forwardWhen(cli, 'it', ({ connections }) => connections.active === 0)
    await eventually(() => server.open() === 0)
    const before = descriptorsOf(pid)

    const all: Round[] = []
    // sshd lets 128 wait for it, and the system resets who is beyond that.
    const atOnce = kind === 'remote' ? 100 : clients
    while (all.length < clients) {
      const doors = await Promise.all(Array.from({ length: atOnce }, enter))
      for (const door of doors) all.push(startRound(door, all.length))
      await eventually(() => expect(waiting).toHaveLength(all.length), { timeoutMs: 60_000 })
    }
    expect((await forwardOf(cli, 'it')).connections).toMatchObject({ active: clients, total: clients + 1 })
    echoAll()
    const results = await Promise.all(all.map((round) => round.done))
    expect(results.filter(({ got, expected }) => got !== expected)).toEqual([])

    const after = await forwardWhen(cli, 'it', ({ connections }) => connections.active === 0)
    expect(after.connections).toEqual({ active: 0, draining: 0, total: clients + 1, failed: 0, refused: 0 })
    expect(after.bytes).toEqual({ in: (clients + 1) * size, out: (clients + 1) * size })
    await eventually(() => server.open() === 0)
    // Of the look at the status before, the connection may have been counted.
    await eventually(() => expect(descriptorsOf(pid)).toBeLessThanOrEqual(before))
    expect(sshd.connections()).toBe(1)
  },
)

const content = someBytes(size)

interface Round {
  /** The SHA-256 of what came, and of what should have. */
  done: Promise<{ got: string; expected: string }>
}

/** Its bytes are those of nobody else: the same content, begun at another place. Nothing is copied for it. */
function startRound(socket: Socket, index: number): Round {
  const start = index * 1_999
  const parts = [content.subarray(start), content.subarray(0, start)]
  const hash = createHash('sha256')
  const done = new Promise<{ got: string; expected: string }>((resolve, reject) => {
    socket.on('data', (chunk: Buffer) => hash.update(chunk))
    socket.on('error', reject)
    socket.on('end', () => resolve({ got: hash.digest('hex'), expected: sha256(...parts) }))
  })
  for (const part of parts) socket.write(part)
  socket.end()
  return { done }
}

/** -1 where the system does not tell. */
function descriptorsOf(pid: number): number {
  const folder = `/proc/${pid}/fd`
  return existsSync(folder) ? readdirSync(folder).length : -1
}
