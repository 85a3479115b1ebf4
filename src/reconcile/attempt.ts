// One attempt at a connection, from this machine or through a jump host's.

import type { Duplex } from 'node:stream'
import type { Carrier } from '../forward/carrier.ts'
import { descriptorProblem, descriptorSettled } from '../forward/descriptors.ts'
import { ProblemError } from '../model/problem.ts'
import type { Ask } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { HeldCarrier } from './held-carrier.ts'
import { throughJump } from './jump.ts'

/** ssh/ has it over ssh2, a test may have it over plain sockets. */
export type Connect = (
  host: WantedHost,
  options: { openStream?: (signal: AbortSignal) => Promise<Duplex>; ask?: Ask; signal: AbortSignal },
) => Promise<Carrier>

/** `jump`: null: from here, which takes a descriptor: rejects with LIMIT_REACHED where there is no room for one. */
export async function connectThrough(
  jump: HeldCarrier | null,
  spec: WantedHost,
  connect: Connect,
  options: { ask: Ask; signal: AbortSignal },
): Promise<Carrier> {
  if (jump) return connect(spec, { ...options, openStream: throughJump(jump, spec) })
  const noRoom = descriptorProblem('host')
  if (noRoom) throw new ProblemError(noRoom)
  try {
    return await connect(spec, options)
  } finally {
    descriptorSettled()
  }
}
