// Port numbers for the demo's file, which has to name them before anybody listens.

import { once } from 'node:events'
import { createServer } from 'node:net'

/** Below every system's ephemeral range, so that no outgoing connection takes one in the meantime. */
const FIRST = 10_000
const COUNT = 20_000

/** Different ports that nobody holds now, on 127.0.0.1 or on ::1. */
export async function findFreePorts(count: number): Promise<number[]> {
  const found = new Set<number>()
  while (found.size < count) {
    const port = FIRST + Math.floor(Math.random() * COUNT)
    if ((await isFree('127.0.0.1', port)) && (await isFree('::1', port))) found.add(port)
  }
  return [...found]
}

/** An address that this machine has not got is free. */
async function isFree(host: string, port: number): Promise<boolean> {
  const probe = createServer()
  try {
    await once(probe.listen({ host, port }), 'listening')
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EADDRINUSE'
  }
  probe.close()
  await once(probe, 'close')
  return true
}
