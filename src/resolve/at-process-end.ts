// Cleans up when this process ends in the midst of something: at an exit, and at a signal that would end it because
// nobody else listens, which then ends it all the same.

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

const cleaners = new Set<() => void>()

/** `clean` is synchronous. Returns the stop: from then on there is nothing to clean. */
export function atProcessEnd(clean: () => void): () => void {
  if (cleaners.size === 0) listen()
  cleaners.add(clean)
  return () => {
    cleaners.delete(clean)
    if (cleaners.size === 0) stopListening()
  }
}

function listen(): void {
  process.on('exit', cleanAll)
  for (const signal of SIGNALS) process.on(signal, onSignal)
}

function stopListening(): void {
  process.off('exit', cleanAll)
  for (const signal of SIGNALS) process.off(signal, onSignal)
}

function onSignal(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return
  cleanAll()
  stopListening()
  process.kill(process.pid, signal)
}

function cleanAll(): void {
  for (const clean of cleaners) clean()
}
