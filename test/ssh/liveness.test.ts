// When a server is asked whether it is still there, other than after an interval of silence: the interval is an hour
// here, and the round trip that status shows tells of each question that was answered.

import { PassThrough } from 'node:stream'
import type { Client } from 'ssh2'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Liveness } from '../../src/ssh/liveness.ts'
import { eventually } from '../helpers/eventually.ts'
import { startSink } from '../helpers/servers.ts'
import { startSshd } from '../helpers/sshd.ts'
import { hostFor, NEVER, NOBODY, open, whileFrozen } from './support.ts'

afterEach(() => vi.useRealTimers())

async function connected() {
  const server = await startSshd()
  const carrier = await open(hostFor(server, { serverAliveIntervalMs: 3_600_000, serverAliveCountMax: 1 }))
  // Two at the start, the second as soon as the first was answered.
  const seen = { rttMs: carrier.rttMs, times: 0 }
  await eventually(() => {
    seen.times = carrier.rttMs !== null && carrier.rttMs === seen.rttMs ? seen.times + 1 : 0
    seen.rttMs = carrier.rttMs
    return seen.times > 20
  })
  const before = seen.rttMs
  return { server, carrier, wasAsked: () => eventually(() => carrier.rttMs !== before) }
}

test('when this machine has another address', async () => {
  const { carrier, wasAsked } = await connected()
  carrier.networkChanged?.()
  await wasAsked()
  expect(carrier.closed.aborted).toBe(false)
})

test('when the clock jumped, as after a sleep', async () => {
  const { carrier, wasAsked } = await connected()
  const now = Date.now()
  vi.useFakeTimers({ toFake: ['Date'], now: now + 60_000 })
  await wasAsked()
  expect(carrier.closed.aborted).toBe(false)
})

test('when somebody sent something and nothing came back', async () => {
  const { carrier, wasAsked } = await connected()
  const sink = await startSink()
  const { stream } = await carrier.dial({ kind: 'tcp', host: '127.0.0.1', port: sink.port }, NOBODY, NEVER)
  stream.write('is anybody there?')
  await wasAsked()
})

test('a server that says nothing after a sleep that was longer than all patience is given up soon', async () => {
  const { server, carrier } = await connected()
  await whileFrozen(server, async () => {
    vi.useFakeTimers({ toFake: ['Date'], now: Date.now() + 3 * 3_600_000 })
    await eventually(() => carrier.closed.aborted)
  })
})

describe('questions that nobody answers', () => {
  /** How often it was looked how far the queue had moved, until the other side was given up. */
  async function looksUntilDead(delivered: (look: number) => number | null): Promise<number> {
    // A question ends at byte 1000 of what was written; whether it is one of ssh's is none of these tests' business.
    const socket = Object.assign(new PassThrough(), { bytesWritten: 1_000 })
    const client = { _protocol: { ping: () => {} }, _callbacks: [] } as unknown as Client
    let [looks, isDead] = [0, false]
    const look = () => {
      looks += 1
      return delivered(looks)
    }
    vi.useFakeTimers()
    const timing = { serverAliveIntervalMs: 1_000, serverAliveCountMax: 2 }
    const liveness = new Liveness(
      timing,
      client,
      socket,
      () => {
        isDead = true
        liveness.stop()
      },
      look,
    )
    while (!isDead) await vi.advanceTimersByTimeAsync(100)
    return looks
  }

  test('say nothing as long as what was sent before them still arrives', async () => {
    expect(await looksUntilDead((look) => Math.min(look, 10))).toBe(11)
  })

  test('say it once they have arrived: an answer has one interval more', async () => {
    expect(await looksUntilDead((look) => (look < 4 ? look : 1_000))).toBe(4)
  })

  test('say it at once where nothing arrives, or nobody tells', async () => {
    expect(await looksUntilDead(() => 500)).toBe(2)
    expect(await looksUntilDead(() => 2_000)).toBe(1)
    expect(await looksUntilDead(() => null)).toBe(1)
  })
})
