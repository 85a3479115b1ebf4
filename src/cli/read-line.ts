// One line from the person at the terminal: typed on standard input, shown on standard error, or not shown at all.

import { createInterface } from 'node:readline'
import { Writable } from 'node:stream'
import { discardTypeAhead } from './type-ahead.ts'

export interface Field {
  /** Lines that are shown before it. */
  above?: readonly string[]
  /** One line, before what is typed. */
  text: string
  /** What is typed may be seen. */
  echo: boolean
}

/** `interrupt`: Ctrl-C, which a terminal in this mode sends as a key. `end`: Ctrl-D, or the terminal is gone. */
export type Line = { typed: string } | 'interrupt' | 'end'

/**
 * Only what is typed once the question is shown is an answer. The terminal is as before when this settles. Rejects with
 * the signal's reason.
 */
export async function readLine({ above = [], ...field }: Field, signal: AbortSignal): Promise<Line> {
  signal.throwIfAborted()
  const { stdin, stderr } = process
  stdin.setRawMode(true)
  const early = await discardTypeAhead(stdin, signal)
  if (early === 'quiet') {
    for (const line of above) stderr.write(`${line}\n`)
    return ask(field, signal)
  }
  stdin.setRawMode(false)
  stdin.pause()
  signal.throwIfAborted()
  return early === 'interrupt' ? 'interrupt' : 'end'
}

function ask({ text, echo }: Field, signal: AbortSignal): Promise<Line> {
  const { stdin, stderr } = process
  if (!echo) stderr.write(text)
  const output = echo ? stderr : nowhere()
  const reader = createInterface({ input: stdin, output, terminal: true, historySize: 0 })
  return new Promise((resolve, reject) => {
    let line: Line = 'end'
    const abort = () => reader.close()
    signal.addEventListener('abort', abort, { once: true })
    reader.on('SIGINT', () => {
      line = 'interrupt'
      reader.close()
    })
    reader.once('close', () => {
      signal.removeEventListener('abort', abort)
      // Enter moved the cursor only where it was echoed.
      if (!echo || typeof line === 'string') stderr.write('\n')
      if (signal.aborted) reject(signal.reason)
      else resolve(line)
    })
    reader.question(echo ? text : '', (typed) => {
      line = { typed }
      reader.close()
    })
  })
}

function nowhere(): Writable {
  return new Writable({ write: (_chunk, _encoding, done) => done() })
}
