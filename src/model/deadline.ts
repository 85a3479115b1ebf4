// A signal with a limit in time, for whatever may wait for somebody who never answers.

/**
 * Fires with `signal`, or after `timeoutMs` with a TimeoutError. Holds no process open. `AbortSignal.any` over
 * `AbortSignal.timeout` says the same, but Node 20 collects a timeout that nothing else holds, and then it never fires.
 */
export function withDeadline(signal: AbortSignal, timeoutMs: number): AbortSignal {
  const limit = new AbortController()
  const giveUp = () => limit.abort(new DOMException(`Nothing within ${timeoutMs} ms`, 'TimeoutError'))
  const timer = setTimeout(giveUp, timeoutMs).unref()
  const both = AbortSignal.any([signal, limit.signal])
  both.addEventListener('abort', () => clearTimeout(timer), { once: true })
  return both
}
