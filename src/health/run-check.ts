// One check of one forward, with its bound in time. When checks are made, and what of them counts, is who asks' business.

import { formatTarget } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import type { Check } from '../model/wanted.ts'
import type { Checked } from './checked.ts'
import { checkCommand } from './command.ts'
import { checkConnect } from './connect.ts'
import { checkHttp } from './http.ts'
import { createLimit } from './limit.ts'

/** Of all forwards together: each is a process at least. */
const commandsInTurn = createLimit(8)

/**
 * Resolves when it has passed. Rejects with a ProblemError: why it has not, TARGET_TIMEOUT after `limitMs`; or with
 * `signal`'s reason. When it settles nothing of it goes on here. The time in which it waits its turn does not count.
 */
export function runCheck(
  check: Check,
  checked: Checked,
  { limitMs, signal }: { limitMs: number; signal: AbortSignal },
): Promise<void> {
  const inTurn = check.type === 'command' ? commandsInTurn : checked.limit
  return inTurn(signal, () => within(check, checked, limitMs, signal))
}

/** By hand what AbortSignal.any does: of those, one a check for months on end, Node 20 keeps a trace. */
async function within(check: Check, checked: Checked, limitMs: number, signal: AbortSignal): Promise<void> {
  // While its turn came.
  signal.throwIfAborted()
  const ending = new AbortController()
  const end = () => ending.abort(signal.reason)
  signal.addEventListener('abort', end, { once: true })
  const timer = setTimeout(() => ending.abort(tooLate(check, checked, limitMs)), limitMs)
  try {
    await start(check, checked, ending.signal)
  } catch (error) {
    ending.signal.throwIfAborted()
    throw error
  } finally {
    clearTimeout(timer)
    signal.removeEventListener('abort', end)
  }
}

function start(check: Check, checked: Checked, signal: AbortSignal): Promise<void> {
  switch (check.type) {
    case 'connect':
      return checkConnect(checked, signal)
    case 'http':
      return checkHttp(check, checked, signal)
    case 'command':
      return checkCommand(check, checked, signal)
  }
}

function tooLate({ type }: Check, { name, to }: Checked, limitMs: number): ProblemError {
  const what =
    type === 'command'
      ? `The healthcheck of ${name} did not end`
      : `${formatTarget(to)} did not answer the check of ${name}`
  return new ProblemError({ code: 'TARGET_TIMEOUT', summary: `${what} within ${limitMs / 1000} s` })
}
