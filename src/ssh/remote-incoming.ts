// Somebody has connected to a listener on the host: the channel is confirmed or refused here, once.

import type { Channel } from 'ssh2'
import type { Connection, Incoming } from '../forward/carrier.ts'
import { Stop, type StopSignal } from '../forward/stop.ts'
import type { Originator } from '../model/address.ts'
import type { SshCarrier } from './carrier.ts'
import { closedStream } from './channel-stream.ts'

const hungUp = new Error('the client has gone')

/** Until it is answered the server holds its client back: nothing has been read. */
export class IncomingChannel implements Incoming {
  readonly from: Originator
  readonly #carrier: SshCarrier
  readonly #accept: () => Channel
  readonly #reject: () => void
  readonly #gone = new Stop()
  readonly #answered: () => void

  constructor(carrier: SshCarrier, from: Originator, accept: () => Channel, reject: () => void) {
    this.from = from
    this.#carrier = carrier
    this.#accept = accept
    this.#reject = reject
    this.#answered = carrier.onceLost(() => this.#gone.abort(carrier.closed.reason))
  }

  get gone(): StopSignal {
    return this.#gone
  }

  accept(): Connection {
    this.#answered()
    if (this.#carrier.closed.aborted) return closedConnection(this.#carrier.closed.reason as Error)
    const connection = this.#carrier.adopt(this.#accept())
    connection.stream.once('close', () => this.#gone.abort(hungUp))
    return connection
  }

  refuse(): void {
    this.#answered()
    if (!this.#carrier.closed.aborted) this.#reject()
  }
}

function closedConnection(reason: Error): Connection {
  return { stream: closedStream(reason), abort: () => {} }
}
