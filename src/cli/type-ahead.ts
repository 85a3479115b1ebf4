// What was typed before a question was shown is no answer to it, and is thrown away, as ssh does with TCSAFLUSH
// (tcsetattr(3)), for which Node has no call. Asking is read-line.ts's.

import type { ReadStream } from 'node:tty'

/** A paste, and what a busy system has not handed over yet, comes without longer gaps. */
const QUIET_MS = 100

/** A key that something lies on must not keep the question away. */
const LONGEST_MS = 1_000

const CTRL_C = 3

/**
 * The terminal has to be in raw mode: in the usual one, half a line would stay unread. It stays so. `interrupt`: Ctrl-C
 * came meanwhile; `end`: the terminal is gone; `aborted`: `signal` has fired.
 */
export function discardTypeAhead(
  terminal: ReadStream,
  signal: AbortSignal,
): Promise<'quiet' | 'interrupt' | 'end' | 'aborted'> {
  if (terminal.readableEnded || terminal.destroyed) return Promise.resolve('end')
  return new Promise((resolve) => {
    const over = new AbortController()
    const finish = (how: 'quiet' | 'interrupt' | 'end' | 'aborted') => {
      over.abort()
      clearTimeout(longest)
      clearTimeout(quiet)
      terminal.off('data', seeTyped).off('end', seeEnd).off('error', seeEnd)
      resolve(how)
    }
    const seeTyped = (typed: Buffer) => {
      if (typed.includes(CTRL_C)) finish('interrupt')
      else quiet.refresh()
    }
    const seeEnd = () => finish('end')
    const longest = setTimeout(finish, LONGEST_MS, 'quiet')
    const quiet = setTimeout(finish, QUIET_MS, 'quiet')
    signal.addEventListener('abort', () => finish('aborted'), { signal: over.signal })
    terminal.on('data', seeTyped).once('end', seeEnd).once('error', seeEnd)
    // Only then: a listener alone does not make a stream flow that was paused.
    terminal.resume()
  })
}
