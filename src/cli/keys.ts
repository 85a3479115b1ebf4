// Keys as they are pressed, for a view that is steered: the terminal in raw mode, and back as it was.

import type { Key } from '../view/live.ts'

/** Sequences of xterm and of keypads in application mode, and letters for who has no arrows. */
const keys: Readonly<Record<string, Key>> = {
  '\x1b[A': 'up',
  '\x1bOA': 'up',
  k: 'up',
  '\x1b[B': 'down',
  '\x1bOB': 'down',
  j: 'down',
  r: 'restart',
  c: 'close',
  l: 'log',
}

const signals: Readonly<Record<string, NodeJS.Signals>> = { '\x03': 'SIGINT', q: 'SIGINT', '\x1c': 'SIGQUIT' }

/**
 * In raw mode Ctrl-C is a key: it ends this process as it would have without us, and so does q. Returns its stop, which
 * gives the terminal back and may be called twice.
 */
export function watchKeys(stdin: NodeJS.ReadStream, press: (key: Key) => void): () => void {
  let isStopped = false
  const see = (typed: string) => {
    for (const [sequence] of typed.matchAll(/\x1b(?:\[[0-9;]*[A-Za-z~]|O[A-Za-z])|[\s\S]/g)) {
      const signal = signals[sequence]
      if (signal) process.kill(process.pid, signal)
      else press(keys[sequence] ?? 'other')
    }
  }
  const stop = () => {
    if (isStopped) return
    isStopped = true
    process.off('exit', stop)
    stdin.off('data', see).pause()
    stdin.setRawMode(false)
  }
  stdin.setRawMode(true)
  stdin.setEncoding('utf8').on('data', see).resume()
  process.once('exit', stop)
  return stop
}
