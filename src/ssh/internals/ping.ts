// A question that a server has to answer.

import type { Client } from 'ssh2'
import { insides } from './insides.ts'

/**
 * Asks the server something that it has to answer (either answer is a sign of life), and calls back when it does.
 * Throws when the connection has ended.
 */
export function ping(client: Client, onAnswer: () => void): void {
  const { _protocol: protocol, _callbacks: callbacks } = insides(client)
  if (protocol && typeof protocol.ping === 'function' && Array.isArray(callbacks)) {
    // Replies come in the order of the requests (RFC 4254 4), and ssh2 keeps one callback for each.
    callbacks.push(onAnswer)
    protocol.ping()
    return
  }
  client.unforwardIn('localhost', 0, onAnswer)
}
