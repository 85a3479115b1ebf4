// Lets only so many of something go on at once; the others wait for their turn, in order.

export type Permits = <T>(start: () => Promise<T>) => Promise<T>

export function createPermits(most: number): Permits {
  let running = 0
  const waiting: (() => void)[] = []
  return async (start) => {
    if (running >= most) await new Promise<void>((resolve) => waiting.push(resolve))
    else running += 1
    try {
      return await start()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running -= 1
    }
  }
}
