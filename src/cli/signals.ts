// What the signals mean to a running `up`: SIGINT and SIGTERM end it, a second one at once, SIGHUP looks again.

import { closeSync, openSync } from 'node:fs'

export interface Signals {
  /** Resolves at the first SIGINT or SIGTERM, or when the terminal that it was started on is gone. */
  readonly first: Promise<EndSignal>
  /** Resolves at the next one. */
  readonly second: Promise<EndSignal>
  /** The process answers signals as any other again. */
  stop(): void
}

export type EndSignal = 'SIGINT' | 'SIGTERM' | 'SIGHUP'

/** 128 + the signal's number, as a shell has it. */
export const signalExitCodes: Readonly<Record<EndSignal, number>> = { SIGINT: 130, SIGTERM: 143, SIGHUP: 129 }

/** `lookAgain` is called at SIGHUP, unless the terminal went with it. */
export function listenForSignals(lookAgain: () => void): Signals {
  const waiting: ((signal: EndSignal) => void)[] = []
  const next = () => new Promise<EndSignal>((resolve) => waiting.push(resolve))
  const [first, second] = [next(), next()]
  const end = (signal: NodeJS.Signals) => waiting.shift()?.(signal as EndSignal)
  const hadTerminal = Boolean(process.stderr.isTTY)
  const hangUp = () => {
    if (hadTerminal && !hasTerminal()) end('SIGHUP')
    else lookAgain()
  }
  const stop = () => {
    process.off('SIGINT', end).off('SIGTERM', end).off('SIGHUP', hangUp)
  }
  process.on('SIGINT', end).on('SIGTERM', end).on('SIGHUP', hangUp)
  return { first, second, stop }
}

/** A closed window hangs up too; its terminal cannot be opened any more. */
function hasTerminal(): boolean {
  try {
    closeSync(openSync('/dev/tty', 'r+'))
    return true
  } catch {
    return false
  }
}
