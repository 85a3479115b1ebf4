import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect, test } from 'vitest'
import { withDeadline } from '../../src/model/deadline.ts'
import { eventually } from '../helpers/eventually.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** As code that waits has it: nobody keeps the signal but who listens. */
function listen(signal: AbortSignal, timeoutMs: number, reasons: unknown[]): void {
  const both = withDeadline(signal, timeoutMs)
  both.addEventListener('abort', () => reasons.push((both.reason as Error).name), { once: true })
}

test('it fires when time is up, however often garbage is collected meanwhile', async () => {
  const reasons: unknown[] = []
  listen(new AbortController().signal, 50, reasons)
  await eventually(() => {
    collectGarbage()
    return reasons.length > 0
  })
  expect(reasons).toEqual(['TimeoutError'])
})

test('it fires with the signal, and only once', async () => {
  const reasons: unknown[] = []
  const leaving = new AbortController()
  listen(leaving.signal, 20, reasons)
  leaving.abort()
  const later: unknown[] = []
  listen(new AbortController().signal, 60, later)
  await eventually(() => later.length > 0)
  expect(reasons).toEqual(['AbortError'])
})
