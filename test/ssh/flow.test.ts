import { fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import type { Duplex } from 'node:stream'
import type { Client } from 'ssh2'
import { describe, expect, test } from 'vitest'
import type { DialTarget } from '../../src/model/address.ts'
import type { SshCarrier } from '../../src/ssh/carrier.ts'
import { borrow, giveBack, parseBudget } from '../../src/ssh/window-budget.ts'
import { WireChannel } from '../../src/ssh/wire-channel.ts'
import { atEnd } from '../helpers/cleanup.ts'
import { eventually } from '../helpers/eventually.ts'
import { startEcho, startSource } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { exchange, hostFor, NEVER, NOBODY, open, readAll, tenMegabytes } from './support.ts'

const MIB = 1024 * 1024
const tcp = (port: number): DialTarget => ({ kind: 'tcp', host: '127.0.0.1', port })

describe('windows', () => {
  test('on a long way more is sent ahead than ssh would', async () => {
    const server = await startSshd()
    const way = await startRelay({ to: server.port, delayMs: 100 })
    const source = await startEndless()
    const carrier = await open(hostFor(server), { openStream: way.open })
    const { stream } = await carrier.dial(tcp(source.port), NOBODY, NEVER)
    let received = 0
    stream.on('data', (chunk: Buffer) => {
      received += chunk.length
    })
    await eventually(() => received > 40 * MIB)
    stream.pause()
    // All that was sent ahead arrives, and nothing more: it is the window.
    await eventually(() => stream.readableLength > 4 * MIB)
    carrier.close()
  })

  test('who stops reading on a narrow way goes on where it stopped', async () => {
    const [server, source] = await Promise.all([startSshd(), startSource(tenMegabytes)])
    const way = await startRelay({ to: server.port, delayMs: 1, bytesPerSecond: 4 * MIB, queueBytes: MIB })
    const carrier = await open(hostFor(server), { openStream: way.open })
    const { stream } = await carrier.dial(tcp(source.port), NOBODY, NEVER)
    const first: Buffer[] = []
    const keep = (chunk: Buffer) => first.push(chunk)
    stream.on('data', keep)
    await eventually(() => Buffer.concat(first).length > 3 * MIB)
    stream.pause().off('data', keep)
    // The window has shrunk to what the way holds: this much is unread, and the source waits.
    await eventually(() => stream.readableLength > 32 * 1024)
    const rest = await readAll(stream)
    expect(Buffer.concat([...first, rest]).equals(tenMegabytes)).toBe(true)
  })

  test('one budget: what a channel has more than ssh gives comes back when it ends', () => {
    const all = borrow(Number.POSITIVE_INFINITY)
    expect(all).toBe(parseBudget(process.env.TUNNELS_WINDOW_BUDGET))
    expect(borrow(1)).toBe(0)
    giveBack(all)
    expect(borrow(5)).toBe(5)
    giveBack(5)
  })

  test.each([
    [undefined, 64 * MIB],
    ['', 64 * MIB],
    ['much', 64 * MIB],
    ['0', 0],
    ['16777216', 16 * MIB],
    ['128M', 128 * MIB],
    ['1 GiB', 64 * MIB],
    ['1GiB', 1024 * MIB],
  ])('TUNNELS_WINDOW_BUDGET=%s', (text, bytes) => expect(parseBudget(text)).toBe(bytes))
})

test('where ssh2 has another shape its own channels carry the same bytes', async () => {
  const [server, echo] = await Promise.all([startSshd(), startEcho()])
  const carrier = (await open(hostFor(server))) as SshCarrier
  const { stream: ours } = await carrier.dial(tcp(echo.port), NOBODY, NEVER)
  expect(ours).toBeInstanceOf(WireChannel)
  const other = (await open(hostFor(server))) as SshCarrier
  hideMessage(other.client)
  const { stream } = await other.dial(tcp(echo.port), NOBODY, NEVER)
  expect(stream).not.toBeInstanceOf(WireChannel)
  for (const each of [ours, stream])
    expect((await exchange(each, tenMegabytes)).equals(tenMegabytes)).toBe(true)
})

/** Nothing on a plain connection needs this one. */
function hideMessage(client: Client): void {
  const { _protocol: protocol } = client as unknown as { _protocol: { _handlers: Record<string, unknown> } }
  protocol._handlers.CHANNEL_EXTENDED_DATA = undefined
}

/** That of the bench: a way with a delay and a bottleneck. */
async function startRelay(way: object): Promise<{ open: () => Promise<Duplex> }> {
  const child = fork(new URL('../../bench/relay.mjs', import.meta.url), [JSON.stringify(way)], {
    execArgv: [],
  })
  atEnd(async () => {
    const ended = once(child, 'exit')
    child.kill()
    await ended
  })
  const [port] = (await once(child, 'message')) as [number]
  return { open: async () => connect({ port, host: '127.0.0.1', noDelay: true }) }
}

/** Sends as long as somebody takes it. */
async function startEndless(): Promise<{ port: number }> {
  const block = Buffer.alloc(64 * 1024)
  const server = createServer((socket) => {
    const more = () => {
      while (socket.write(block));
    }
    socket.on('error', () => {}).on('drain', more)
    more()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  atEnd(() => void server.close())
  return { port: (server.address() as { port: number }).port }
}
