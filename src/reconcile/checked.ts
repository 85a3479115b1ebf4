// From a forward and its host to what a check of it needs to know: by which way it goes, and that checks are no burden
// to what is checked.

import type { Carrier, Dial } from '../forward/carrier.ts'
import { descriptorProblem, descriptorSettled } from '../forward/descriptors.ts'
import { dialLocal } from '../forward/local-dial.ts'
import type { Checked } from '../health/checked.ts'
import { type DialTarget, formatTarget } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import { reachable } from '../model/variables.ts'
import type { WantedForward } from '../model/wanted.ts'
import type { HostSlot } from './host-slot.ts'

/** `wakes`: the host is used, and woken where it is idle. Else it counts as no use of it. */
export function checkedOf(spec: WantedForward, slot: HostSlot, { wakes }: { wakes: boolean }): Checked {
  const { name, to, hostHeader } = spec
  const dial = spec.kind === 'remote' ? dialHere : dialThrough(slot, wakes)
  return { name, to, hostHeader, dial, address: addressOf(spec), limit: slot.checks }
}

function dialThrough(slot: HostSlot, wakes: boolean): Dial {
  return async (target, from, signal) => {
    const carrier = slot.current?.carrier
    if (carrier) refuseTooMany(carrier, target)
    if (wakes) return slot.dial(target, from, signal)
    if (!carrier) throw new ProblemError({ code: 'HOST_LOST', summary: `${slot.spec.name} is not connected` })
    return carrier.dial(target, from, signal)
  }
}

/** Each is a socket of the server until it has an answer, which may take minutes where a firewall drops what it gets. */
const mostUnanswered = 2

function refuseTooMany(carrier: Carrier, target: DialTarget): void {
  if ((carrier.unanswered?.(target) ?? 0) < mostUnanswered) return
  const summary = `${formatTarget(target)} has still not answered the connections of before`
  throw new ProblemError({ code: 'TARGET_TIMEOUT', summary })
}

const dialHere: Dial = async (target, from, signal) => {
  const noRoom = descriptorProblem()
  if (noRoom) throw new ProblemError(noRoom)
  try {
    return await dialLocal(target, from, signal)
  } finally {
    descriptorSettled()
  }
}

/** A name that a remote forward leads to is left to the command. */
function addressOf(spec: WantedForward): Checked['address'] {
  if (spec.kind === 'remote') return spec.to.kind === 'socks' ? null : spec.to
  const [first] = spec.listen
  return first ? reachable(first) : null
}
