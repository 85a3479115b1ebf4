// Waits for something to become true, by looking again: the only way in which a test waits.

import { expect } from 'vitest'

/**
 * Looks until `check` returns something (not `false`, `null` or `undefined`), and resolves with that; or until the
 * `expect`s inside it hold. After `timeoutMs` (20 s) it rejects with the last error.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 20_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<Exclude<NonNullable<T>, false>> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const seen = await look(check)
    if ('value' in seen) return seen.value
    if (Date.now() > end) throw seen.error
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

async function look<T>(
  check: () => T | Promise<T>,
): Promise<{ value: Exclude<NonNullable<T>, false> } | { error: unknown }> {
  const before = expect.getState().assertionCalls
  try {
    const value = await check()
    const hasExpected = value === undefined && expect.getState().assertionCalls > before
    if (hasExpected || (value !== undefined && value !== null && value !== false))
      return { value: value as never }
    return { error: new Error(`eventually: still ${value} at the last look at ${check}`) }
  } catch (error) {
    return { error }
  }
}

/**
 * Does `act` again and again until `over` has settled, and gives what that gives. For who reads a pipe and leaves:
 * its writer hears of it only when there is something to write.
 */
export async function actUntil<T>(over: Promise<T>, act: () => Promise<unknown>): Promise<T> {
  let isOver = false
  const settled = over.finally(() => {
    isOver = true
  })
  while (!isOver) await Promise.race([act(), settled])
  return settled
}
