import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import type { Duplex } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { relay } from '../../src/forward/relay.ts'
import { eventually } from '../helpers/eventually.ts'
import { testFolder } from '../helpers/folder.ts'
import { openPair, type Pair, watchEnding } from './pair.ts'

interface Joined {
  a: Pair
  b: Pair
  moved: { forth: number; back: number }
  stop: AbortController
  ended: Promise<'ended' | 'aborted'>
}

async function joinPairs(path?: string): Promise<Joined> {
  const [a, b] = await Promise.all([openPair(path), openPair(path && `${path}2`)])
  const moved = { forth: 0, back: 0 }
  const stop = new AbortController()
  const ended = relay(a.ours, b.ours, {
    signal: stop.signal,
    onForth: (bytes) => {
      moved.forth += bytes
    },
    onBack: (bytes) => {
      moved.back += bytes
    },
  })
  return { a, b, moved, stop, ended }
}

/** Either direction by name, so that each promise is tested both ways. */
const ways = [
  { way: 'forth', from: 'a', to: 'b' },
  { way: 'back', from: 'b', to: 'a' },
] as const

const relayEvents = ['data', 'end', 'drain', 'finish'] as const

function expectNothingLeft(...streams: Duplex[]): void {
  for (const stream of streams) {
    expect(stream.destroyed).toBe(true)
    for (const event of relayEvents) {
      const named = stream.listeners(event).map((listener) => listener.name)
      expect(named.filter((name) => ['data', 'end', 'drain', 'endIfDone'].includes(name))).toEqual([])
    }
  }
}

describe.each(['TCP', 'Unix'] as const)('over %s sockets', (kind) => {
  const pathFor = () => (kind === 'Unix' ? testFolder().join('s') : undefined)

  it.each(ways)(
    'half-close is kept $way: all that follows the FIN still comes back',
    async ({ from, to }) => {
      const joined = await joinPairs(pathFor())
      const [asker, answerer] = [joined[from].theirs, joined[to].theirs]
      const question = randomBytes(200_000)
      const asked = watchEnding(answerer)
      const answered = watchEnding(asker)
      asker.end(question)
      const heard = await asked
      // Buffer's own comparison: one of vitest's takes seconds for as many bytes.
      expect([heard.how, heard.bytes.equals(question)]).toEqual(['end', true])
      expect(joined[from].ours.stream.destroyed).toBe(false)
      answerer.write(question)
      answerer.end(question)
      const back = await answered
      expect([back.how, back.bytes.equals(Buffer.concat([question, question]))]).toEqual(['end', true])
      expect(await joined.ended).toBe('ended')
      expect(joined.moved).toEqual(
        from === 'a' ? { forth: 200_000, back: 400_000 } : { forth: 400_000, back: 200_000 },
      )
      expectNothingLeft(joined.a.ours.stream, joined.b.ours.stream)
    },
  )

  it('a stop aborts both sides, with bytes of both on their way', async () => {
    const { a, b, stop, ended, moved } = await joinPairs(pathFor())
    a.theirs.write(randomBytes(5_000_000))
    b.theirs.write(randomBytes(5_000_000))
    await eventually(() => moved.forth > 0 && moved.back > 0)
    stop.abort()
    expect(await ended).toBe('aborted')
    const endings = await Promise.all([watchEnding(a.theirs), watchEnding(b.theirs)])
    for (const { how, bytes } of endings) {
      expect(bytes.length).toBeLessThan(5_000_000)
      if (kind === 'TCP') expect(how).toBe('reset')
    }
    expectNothingLeft(a.ours.stream, b.ours.stream)
  })
})

describe('a failure is never mistaken for an end', () => {
  it.each(ways)('a RST passes on $way as a RST', async ({ from, to }) => {
    const joined = await joinPairs()
    const seen = watchEnding(joined[to].theirs)
    joined[from].theirs.write('half a sen')
    await eventually(() => joined.moved.forth + joined.moved.back === 10)
    joined[from].theirs.resetAndDestroy()
    expect((await seen).how).toBe('reset')
    expect(await joined.ended).toBe('aborted')
    expectNothingLeft(joined.a.ours.stream, joined.b.ours.stream)
  })

  it.each(ways)('a RST behind unread data passes on $way as a RST', async ({ from, to }) => {
    const joined = await joinPairs()
    const receiver = joined[to].theirs
    receiver.pause()
    joined[from].theirs.write(randomBytes(20_000_000))
    await eventually(() => (joined[to].ours.stream as Duplex).writableNeedDrain)
    joined[from].theirs.resetAndDestroy()
    const { how, bytes } = await watchEnding(receiver.resume())
    expect(how).toBe('reset')
    expect(bytes.length).toBeLessThan(20_000_000)
    expect(await joined.ended).toBe('aborted')
  })

  it.each(ways)('a RST that comes in one gulp with the last data is no end ($way)', async ({ from, to }) => {
    const [a, b] = await Promise.all([openPair(), openPair()])
    const pairs = { a, b }
    const sender = pairs[from].theirs
    // Nobody reads yet: data and RST lie side by side when the relay begins.
    sender.write('half a sen', () => sender.resetAndDestroy())
    await new Promise((resolve) => sender.once('close', resolve))
    const seen = watchEnding(pairs[to].theirs)
    const options = { signal: new AbortController().signal, onForth: () => {}, onBack: () => {} }
    expect(await relay(a.ours, b.ours, options)).toBe('aborted')
    expect((await seen).how).toBe('reset')
  })

  it.each(ways)('a side that was aborted before it began aborts the other ($way)', async ({ from, to }) => {
    const [a, b] = await Promise.all([openPair(), openPair()])
    const pairs = { a, b }
    pairs[from].ours.abort()
    const seen = watchEnding(pairs[to].theirs)
    const options = { signal: new AbortController().signal, onForth: () => {}, onBack: () => {} }
    expect(await relay(a.ours, b.ours, options)).toBe('aborted')
    expect((await seen).how).toBe('reset')
  })

  it('a stop while the last bytes wait for a slow reader is a RST, not an end too early', async () => {
    const { a, b, stop, ended, moved } = await joinPairs()
    b.theirs.pause()
    const size = 30_000_000
    a.theirs.end(randomBytes(size))
    await eventually(() => b.ours.stream.writableLength > 0 && moved.forth > 0)
    stop.abort()
    const { how, bytes } = await watchEnding(b.theirs.resume())
    expect(how).toBe('reset')
    expect(bytes.length).toBeLessThan(size)
    expect(await ended).toBe('aborted')
  })

  it.each(ways)(
    'a stream that closes without an end and without an error is a RST for the other ($way)',
    async ({ from, to }) => {
      const joined = await joinPairs()
      const seen = watchEnding(joined[to].theirs)
      joined[from].theirs.write('half a sen')
      await eventually(() => joined.moved.forth + joined.moved.back === 10)
      joined[from].ours.stream.destroy()
      expect((await seen).how).toBe('reset')
      expect(await joined.ended).toBe('aborted')
    },
  )

  it.each(ways)(
    'one that closes after its end, as many SSH servers do, is an end: all of it arrives ($way)',
    async ({ from, to }) => {
      const joined = await joinPairs()
      const [closer, reader] = [joined[from], joined[to].theirs]
      const content = randomBytes(20_000_000)
      reader.pause()
      closer.ours.stream.once('end', () => closer.ours.stream.destroy())
      closer.theirs.end(content)
      await eventually(() => joined[to].ours.stream.writableNeedDrain)
      const { how, bytes } = await watchEnding(reader.resume())
      expect(how).toBe('end')
      expect(bytes.equals(content)).toBe(true)
      expect(await joined.ended).toBe('ended')
      expectNothingLeft(joined.a.ours.stream, joined.b.ours.stream)
    },
  )

  it('an abort right behind an end leaves no socket open', async () => {
    const { ours, theirs } = await openPair()
    const errors: Error[] = []
    ours.stream.on('error', (error) => errors.push(error))
    const closed = once(ours.stream, 'close')
    ours.stream.end('bye')
    await new Promise<void>((resolve) => process.nextTick(resolve))
    ours.abort()
    await closed
    expect(errors).toEqual([])
    expect((await watchEnding(theirs)).bytes.toString()).toBe('bye')
  })
})

it.each(ways)('a slow reader stops the writer $way: memory is bounded', async ({ way, from, to }) => {
  const joined = await joinPairs()
  const [writer, reader] = [joined[from].theirs, joined[to].theirs]
  reader.pause()
  const size = 64 * 1024 * 1024
  writer.end(Buffer.alloc(size))
  const stalled = () => joined[from].ours.stream.isPaused() && joined[to].ours.stream.writableNeedDrain
  await eventually(stalled)
  expect(joined[to].ours.stream.writableLength).toBeLessThan(1024 * 1024)
  expect(joined.moved[way]).toBeLessThan(size)
  const seen = await watchEnding(reader.resume())
  expect(seen.how).toBe('end')
  expect(seen.bytes.length).toBe(size)
  reader.end()
  expect(await joined.ended).toBe('ended')
})

it('carries 500 connections of 1 MB at once, each equal both ways', async () => {
  const content = randomBytes(1_000_000)
  const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')
  const wanted = digest(content)
  const one = async () => {
    const { a, b, ended } = await joinPairs()
    const [atA, atB] = [watchEnding(a.theirs), watchEnding(b.theirs)]
    a.theirs.end(content)
    b.theirs.end(content)
    const seen = await Promise.all([atA, atB])
    return { digests: seen.map(({ bytes }) => digest(bytes)), how: await ended }
  }
  const all = await Promise.all(Array.from({ length: 500 }, one))
  for (const each of all) expect(each).toEqual({ digests: [wanted, wanted], how: 'ended' })
}, 120_000)
