// Where a forward listens, for a program: what status says in words, taken apart.

import { parseShownAddress } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import type { Status } from '../model/status.ts'

export type Address = { host: string; port: number } | { path: string }

/** The first of its listeners; all interfaces are reached by loopback. Throws a ProblemError where there is none. */
export function addressOf({ forwards }: Pick<Status, 'forwards'>, name: string): Address {
  const forward = forwards.find((one) => one.name === name)
  const [listen] = forward?.listen ?? []
  if (forward?.problem && listen === undefined) throw new ProblemError(forward.problem)
  const address = listen === undefined ? null : parseShownAddress(listen)
  if (address === null)
    throw new ProblemError({ code: 'USAGE', summary: `No forward named ${name} listens anywhere` })
  if (address.kind === 'unix') return { path: address.path }
  return { host: address.host === '*' ? '127.0.0.1' : address.host, port: address.port }
}
