// Where a forward listens, for a program: what status says in words, taken apart.

import { ProblemError } from '../model/problem.ts'
import type { Status } from '../model/status.ts'

export type Address = { host: string; port: number } | { path: string }

/** The first of its listeners; all interfaces are reached by loopback. Throws a ProblemError where there is none. */
export function addressOf({ forwards }: Pick<Status, 'forwards'>, name: string): Address {
  const forward = forwards.find((one) => one.name === name)
  const [listen] = forward?.listen ?? []
  if (forward?.problem && listen === undefined) throw new ProblemError(forward.problem)
  if (listen === undefined)
    throw new ProblemError({ code: 'USAGE', summary: `No forward named ${name} listens anywhere` })
  const parts = /^(?:\[(.+)\]|([^/[\]]+)):(\d+)$/.exec(listen)
  if (!parts) return { path: listen }
  const host = parts[1] ?? parts[2]!
  return { host: host === '*' ? '127.0.0.1' : host, port: Number(parts[3]) }
}
