// Waits for something to become true, by looking again: the only way in which a test waits.

/**
 * Resolves with what `check` returns as soon as it returns without throwing, and not `false`, `null` or
 * `undefined`. After `timeoutMs` (20 s) it rejects with the last error, so that an `expect` inside `check` explains itself.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeoutMs = 20_000, everyMs = 20 }: { timeoutMs?: number; everyMs?: number } = {},
): Promise<NonNullable<T>> {
  const end = Date.now() + timeoutMs
  for (;;) {
    const seen = await look(check)
    if ('value' in seen) return seen.value
    if (Date.now() > end) throw seen.error
    await new Promise((resolve) => setTimeout(resolve, everyMs))
  }
}

async function look<T>(check: () => T | Promise<T>): Promise<{ value: NonNullable<T> } | { error: unknown }> {
  try {
    const value = await check()
    if (value !== undefined && value !== null && value !== false) return { value }
    return { error: new Error(`eventually: still ${value} after the last look at ${check}`) }
  } catch (error) {
    return { error }
  }
}
