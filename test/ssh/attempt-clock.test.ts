import { beforeEach, expect, test, vi } from 'vitest'
import type { Question } from '../../src/model/prompt.ts'
import { AttemptClock } from '../../src/ssh/attempt-clock.ts'
import { NEVER } from './support.ts'

const question: Question = { kind: 'password', summary: 'a password', fields: [] }

beforeEach(() => {
  vi.useFakeTimers()
  return () => void vi.useRealTimers()
})

function running(limitMs: number) {
  const expired = vi.fn()
  const clock = new AttemptClock(limitMs, expired)
  let answer: (answers: string[] | null) => void = () => {}
  const ask = clock.stoppedDuring(
    () =>
      new Promise((resolve) => {
        answer = resolve
      }),
  )
  return {
    clock,
    expired,
    ask: () => ask(question, NEVER),
    answer: (answers: string[] | null) => answer(answers),
  }
}

test('it stands still while a person is asked, and runs on with the answer', async () => {
  const { expired, ask, answer } = running(10_000)
  vi.advanceTimersByTime(6_000)
  const answered = ask()
  vi.advanceTimersByTime(3_600_000)
  expect(expired).not.toHaveBeenCalled()
  answer(['x'])
  expect(await answered).toEqual(['x'])
  vi.advanceTimersByTime(3_900)
  expect(expired).not.toHaveBeenCalled()
  vi.advanceTimersByTime(200)
  expect(expired).toHaveBeenCalledOnce()
})

test('once ended it never expires, not even when an answer comes afterwards', async () => {
  const { clock, expired, ask, answer } = running(10_000)
  const answered = ask()
  clock.end()
  answer(null)
  expect(await answered).toBe(null)
  vi.advanceTimersByTime(3_600_000)
  expect(expired).not.toHaveBeenCalled()
})
