import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { type Seen, watchSurroundings } from '../../src/supervisor/surroundings.ts'
import { atEnd } from '../helpers/cleanup.ts'

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] })
})
afterEach(() => vi.useRealTimers())

/** A machine whose clocks and addresses the test moves. */
function machine() {
  const clock = { wallMs: 1e12, steadyMs: 1e6 }
  let addresses = new Set(['eth0 10.0.0.1'])
  let changes = 0
  atEnd(
    watchSurroundings(
      () => {
        changes += 1
      },
      (): Seen => ({ ...clock, addresses }),
    ),
  )
  return {
    pass(seconds: number, wallMs: number, steadyMs: number) {
      for (let second = 0; second < seconds; second++) {
        clock.wallMs += wallMs
        clock.steadyMs += steadyMs
        vi.advanceTimersByTime(1_000)
      }
    },
    has(...names: string[]) {
      addresses = new Set(names)
    },
    changes: () => changes,
  }
}

test('nothing is told of a machine that runs on, a little late at times', () => {
  const { pass, changes } = machine()
  pass(60, 1_000, 1_000)
  pass(5, 2_500, 2_500)
  expect(changes()).toBe(0)
})

test('a process that stood still, and a machine that slept, are told of once', () => {
  const { pass, changes } = machine()
  pass(1, 20_000, 20_000)
  pass(5, 1_000, 1_000)
  expect(changes()).toBe(1)
  pass(1, 20_000, 1_000)
  pass(5, 1_000, 1_000)
  expect(changes()).toBe(2)
})

test('an address that comes is told of, one that goes is not', () => {
  const { pass, has, changes } = machine()
  has()
  pass(3, 1_000, 1_000)
  expect(changes()).toBe(0)
  has('eth0 10.0.0.1')
  pass(3, 1_000, 1_000)
  expect(changes()).toBe(1)
  has('eth0 10.0.0.1', 'wlan0 192.168.0.7')
  pass(3, 1_000, 1_000)
  expect(changes()).toBe(2)
})
