// Ctrl-C and kill as one AbortSignal, for as long as the demo has something to clean up.

export interface Interrupt {
  readonly signal: AbortSignal
  /** 130 after Ctrl-C, 143 after SIGTERM: 128 and the number of the signal. */
  exitCode(): number
  /** Gives the signals back to Node. */
  stop(): void
}

/** Also fires with `outer`, which counts as Ctrl-C. A second Ctrl-C ends the process at once, as Node does by itself. */
export function watchInterrupt(outer?: AbortSignal): Interrupt {
  const controller = new AbortController()
  let exitCode = 130
  const onSigint = () => controller.abort()
  const onSigterm = () => {
    exitCode = 143
    controller.abort()
  }
  process.once('SIGINT', onSigint).once('SIGTERM', onSigterm)
  outer?.addEventListener('abort', onSigint, { once: true })
  if (outer?.aborted) controller.abort()
  const stop = () => {
    process.off('SIGINT', onSigint).off('SIGTERM', onSigterm)
    outer?.removeEventListener('abort', onSigint)
  }
  return { signal: controller.signal, exitCode: () => exitCode, stop }
}
