// Ctrl-C, kill and a closed window as one AbortSignal, for as long as the demo has something to clean up.

import { constants } from 'node:os'

export interface Interrupt {
  readonly signal: AbortSignal
  /** 128 and the number of the signal: 130 after Ctrl-C, 143 after SIGTERM. */
  exitCode(): number
  /** Gives the signals back to Node. */
  stop(): void
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/** Also fires with `outer`, which counts as Ctrl-C. The same signal again ends the process at once, as Node does by itself. */
export function watchInterrupt(outer?: AbortSignal): Interrupt {
  const controller = new AbortController()
  let seen: (typeof signals)[number] = 'SIGINT'
  const onSignal = (signal: NodeJS.Signals) => {
    seen = signal as typeof seen
    controller.abort()
  }
  const onOuter = () => controller.abort()
  for (const signal of signals) process.once(signal, onSignal)
  outer?.addEventListener('abort', onOuter, { once: true })
  if (outer?.aborted) onOuter()
  const stop = () => {
    for (const signal of signals) process.off(signal, onSignal)
    outer?.removeEventListener('abort', onOuter)
  }
  return { signal: controller.signal, exitCode: () => 128 + constants.signals[seen], stop }
}
