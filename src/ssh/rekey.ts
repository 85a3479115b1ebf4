// New keys that one side asked for have to come: until they do, nothing else is sent, and a server that goes on talking
// would keep a connection open that carries nothing.

import type { Client } from 'ssh2'
import { isExchangingKeys } from './internals/key-exchange.ts'

/** Far longer than the largest group takes on a slow machine at the other end of the world. */
const LIMIT_MS = 60_000

/** Calls `onStuck` with the cause in words when an exchange takes longer than `limitMs`. Returns its stop. */
export function watchRekey(client: Client, onStuck: (cause: string) => void, limitMs = LIMIT_MS): () => void {
  let since: number | null = null
  const done = () => {
    since = null
  }
  const look = () => {
    if (!isExchangingKeys(client)) return done()
    since ??= performance.now()
    if (performance.now() - since > limitMs) onStuck(`new keys were not agreed on within ${limitMs / 1000} s`)
  }
  const timer = setInterval(look, limitMs / 6)
  client.on('handshake', done)
  return () => {
    clearInterval(timer)
    client.off('handshake', done)
  }
}
