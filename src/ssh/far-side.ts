// A look from the far side: a short command there, by an exec channel (RFC 4254 6.5), where the server allows one.

import type { ClientChannel } from 'ssh2'
import type { Carrier } from '../forward/carrier.ts'
import { SshCarrier } from './carrier.ts'
import { discard } from './channel-stream.ts'

/** A busy machine has some thousand sockets. */
const MOST_BYTES = 1024 * 1024

/**
 * What `command` prints, run by the account's shell there; null where that is not allowed, comes to nothing, or takes
 * longer than `signal` lets it. Never rejects.
 */
export function askFarSide(carrier: Carrier, command: string, signal: AbortSignal): Promise<string | null> {
  return new Promise((resolve) => {
    if (!(carrier instanceof SshCarrier) || carrier.closed.aborted || signal.aborted) return resolve(null)
    const over = AbortSignal.any([signal, carrier.closed])
    const giveUp = () => resolve(null)
    over.addEventListener('abort', giveUp, { once: true })
    try {
      carrier.client.exec(command, (error, channel) => {
        if (error) return giveUp()
        if (over.aborted) return discard(channel)
        over.addEventListener('abort', () => discard(channel), { once: true })
        collect(channel, resolve)
      })
    } catch {
      // Ended in this moment.
      giveUp()
    }
  })
}

function collect(channel: ClientChannel, done: (text: string) => void): void {
  let text = ''
  channel.on('error', () => {})
  channel.stderr.resume()
  channel.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
    if (text.length > MOST_BYTES) channel.destroy()
  })
  channel.on('close', () => done(text))
  channel.end()
}
