// What a check needs to know of the forward that it is about.

import type { Dial } from '../forward/carrier.ts'
import type { Originator, SocketAddress, Target } from '../model/address.ts'
import type { Limit } from './limit.ts'

export interface Checked {
  /** The forward's name. */
  name: string
  to: Target
  /** From the end that dials: through the host, or for `remote` from this machine. */
  dial: Dial
  hostHeader: string | null
  /** Of the checks that go through one host. */
  limit: Limit
  /** Where a command finds it on this machine: the listener, or what a remote listener leads to; null: nowhere. */
  address: SocketAddress | null
}

/** Who a check says that it is. */
export const NOBODY: Originator = { address: '127.0.0.1', port: 0 }
