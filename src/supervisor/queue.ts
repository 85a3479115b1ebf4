// Runs one at a time, in order. A failed run does not stop the next.

/** The returned function runs `work` after everything asked for before it, and settles as it does. */
export function createQueue(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve()
  return (work) => {
    const run = last.then(work, work)
    last = run.catch(() => {})
    return run
  }
}
