// The way to a host that lies behind another one. That one's own trouble is waited out, however long it takes: it is
// no failed try of ours. What is shown meanwhile is host-slot.ts's.

import type { Duplex } from 'node:stream'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { HeldCarrier } from './held-carrier.ts'

/** What is asked of the slot of a jump host. */
export interface Jump {
  readonly isGivenUp: boolean
  carrier(signal: AbortSignal, newest: boolean): Promise<HeldCarrier>
  watch(watcher: () => void): () => void
}

/** The connection of the jump host's newest spec. `onTrouble`: it may be in another one. Rejects only when `signal` fires. */
export async function waitForJump(
  jump: Jump,
  signal: AbortSignal,
  onTrouble: () => void,
): Promise<HeldCarrier> {
  const stopTelling = jump.watch(onTrouble)
  try {
    for (;;) {
      try {
        return await jump.carrier(signal, true)
      } catch {
        signal.throwIfAborted()
        onTrouble()
        if (jump.isGivenUp) await changed(jump, signal)
      }
    }
  } finally {
    stopTelling()
  }
}

/** A stream to the host as the jump host reaches it; it holds the jump host's connection for as long as it lives. */
export function throughJump(
  held: HeldCarrier,
  { hostname, port }: WantedHost,
): (signal: AbortSignal) => Promise<Duplex> {
  const target = { kind: 'tcp', host: hostname, port } as const
  return async (signal) => {
    return (await held.dial(target, { address: null, port: 0 }, signal)).stream
  }
}

export function behindJump(host: WantedHost, jump: WantedHost, problem: Problem): Problem {
  return {
    ...problem,
    summary: `The host ${host.name} waits for its jump host ${jump.name}: ${problem.summary}`,
  }
}

function changed(jump: Jump, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const done = () => {
      stop()
      signal.removeEventListener('abort', done)
      if (signal.aborted) reject(signal.reason)
      else resolve()
    }
    const stop = jump.watch(done)
    signal.addEventListener('abort', done, { once: true })
  })
}
