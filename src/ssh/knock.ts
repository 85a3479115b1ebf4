// Whether anybody answers on an address of the host: a dial that is closed at once.

import type { DialTarget } from '../model/address.ts'
import { problemOf } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'
import { dial } from './channels.ts'

/** `unclear`: not allowed to ask, unreachable, or the connection is lost. Never rejects. */
export async function knock(
  carrier: SshCarrier,
  target: DialTarget,
  signal: AbortSignal = carrier.closed,
): Promise<'answered' | 'silent' | 'unclear'> {
  try {
    const connection = await dial(carrier, target, { address: null, port: 0 }, signal)
    connection.abort()
    return 'answered'
  } catch (error) {
    return problemOf(error).code === 'TARGET_REFUSED' ? 'silent' : 'unclear'
  }
}
