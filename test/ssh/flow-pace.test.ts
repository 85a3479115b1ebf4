// What Flow makes of a way whose speed and length are known: a model of one, ms by ms, with a server that sends whatever
// it may.

import type { Client } from 'ssh2'
import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { Flow, type Pace } from '../../src/ssh/flow.ts'

const MIB = 1024 * 1024
const DELAY_MS = 50

beforeEach(() => void vi.useFakeTimers({ toFake: ['performance'] }))
afterEach(() => void vi.useRealTimers())

test('a narrow way is filled, and nothing to speak of queues there', () => {
  const way = openWay()
  way.run(4_000, () => 25_000)
  const { received, waitedMs } = way.run(4_000, () => 25_000)
  expect(received / (4_000 * 25_000)).toBeGreaterThan(0.95)
  expect(median(waitedMs)).toBeLessThan(5)
})

test('after a moment in which nothing moved a wide way is filled again', () => {
  const way = openWay()
  const speed = 200_000
  way.run(1_500, () => speed)
  // As if this machine had something else to do, again and again.
  way.run(3_000, (ms) => (ms % 400 < 250 ? 1_000 : speed))
  way.run(3_000, () => speed)
  const { received } = way.run(3_000, () => speed)
  expect(received / (3_000 * speed)).toBeGreaterThan(0.9)
})

test('when the way gets wider so does the window', () => {
  const way = openWay()
  way.run(4_000, () => 25_000)
  way.run(6_000, () => 150_000)
  const { received } = way.run(2_000, () => 150_000)
  expect(received / (2_000 * 150_000)).toBeGreaterThan(0.9)
  expect(way.pace.window).toBeLessThan(64 * MIB)
})

/** `run` lets it work for so long at a speed in bytes a ms; what came, and how long a byte waited in the queue. */
function openWay() {
  const answers: (() => void)[] = []
  const pings: number[] = []
  const client = { _callbacks: answers, _protocol: { ping: () => pings.push(now) } } as unknown as Client
  const flow = new Flow(client, () => null)
  const pace: Pace = flow.join()
  let [now, mayCome, allowed, queue] = [0, pace.window, pace.window, 0]
  const grants: { at: number; bytes: number }[] = []
  const arrivals: { at: number; bytes: number }[] = []
  const pongs: number[] = []
  const step = (speed: number) => {
    now += 1
    vi.advanceTimersByTime(1)
    while (grants[0] && grants[0].at <= now) allowed += grants.shift()!.bytes
    queue += allowed
    allowed = 0
    const sent = Math.min(queue, speed)
    while (pings[0] !== undefined && pings[0] + DELAY_MS <= now)
      pongs.push(pings.shift()! + 2 * DELAY_MS + Math.floor(queue / speed))
    queue -= sent
    if (sent > 0) arrivals.push({ at: now + DELAY_MS, bytes: sent })
    while (pongs[0] !== undefined && pongs[0] <= now) {
      pongs.shift()
      answers.shift()?.()
    }
    let came = 0
    while (arrivals[0] && arrivals[0].at <= now) came += arrivals.shift()!.bytes
    if (came === 0) return 0
    mayCome -= came
    flow.arrived(pace, came)
    const due = pace.window - mayCome
    if (due < pace.part) return came
    mayCome += due
    grants.push({ at: now + DELAY_MS, bytes: due })
    return came
  }
  const run = (ms: number, speedAt: (ms: number) => number) => {
    let received = 0
    const waitedMs: number[] = []
    for (let passed = 0; passed < ms; passed++) {
      received += step(speedAt(passed))
      waitedMs.push(queue / speedAt(passed))
    }
    return { received, waitedMs }
  }
  return { pace, run }
}

function median(values: number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1]!
}
