import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { OpenConnection } from '../../src/forward/open-connection.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const open = () => new OpenConnection({ address: null, port: 0 }, 0, 'local', { in: 0, out: 0 })

test.each(['countForth', 'countBack'] as const)(
  '%s: a byte in either direction starts the idle time anew',
  (count) => {
    const connection = open()
    connection.cutWhenIdle(1000)
    for (let each = 0; each < 5; each++) {
      vi.advanceTimersByTime(900)
      connection[count](1)
    }
    vi.advanceTimersByTime(999)
    expect(connection.signal.aborted).toBe(false)
    vi.advanceTimersByTime(2)
    expect(connection.signal.aborted).toBe(true)
    expect(connection.endReason?.summary).toContain('idle_timeout')
  },
)

test('one that has ended leaves no clock behind', () => {
  const connection = open()
  connection.cutWhenIdle(1000)
  vi.advanceTimersByTime(500)
  connection.countBack(1)
  vi.advanceTimersByTime(600)
  connection.end()
  expect(vi.getTimerCount()).toBe(0)
  expect(connection.endReason).toBeNull()
})

test('0 is never', () => {
  const connection = open()
  connection.cutWhenIdle(0)
  expect(vi.getTimerCount()).toBe(0)
})
