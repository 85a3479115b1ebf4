// Where forwards are dialled and which variables say so, for a program in the same process.

import type { AddressesAnswer, ForwardAddress } from '../control/protocol.ts'
import { ProblemError } from '../model/problem.ts'

export type Address = { host: string; port: number } | { path: string }

/** Throws a ProblemError for an unknown name, and where it does not listen. */
export function addressOf({ forwards }: AddressesAnswer, name: string): Address {
  const forward = forwards.find((one) => one.name === name)
  if (forward?.problem) throw new ProblemError(forward.problem)
  if (!forward?.address)
    throw new ProblemError({ code: 'USAGE', summary: `No forward named ${name} listens anywhere` })
  const { kind, ...address } = forward.address
  return address
}

/** As `tunnels env` has them; of forwards that are not open, none. */
export function variablesOf({ forwards }: AddressesAnswer): Record<string, string> {
  const open = forwards.filter(({ selected }: ForwardAddress) => selected)
  return Object.assign({}, ...open.map(({ variables }) => variables ?? {})) as Record<string, string>
}
