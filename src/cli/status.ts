// `tunnels status`: what is true now, asked of the running supervisor.

import { suggest } from '../config/suggest.ts'
import { ProblemError } from '../model/problem.ts'
import { isReady, type Status } from '../model/status.ts'
import { formatStatus } from '../view/status.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { requireRunning } from './project.ts'

export interface StatusArguments {
  names: string[]
  check: boolean
}

export async function status(invocation: Invocation, { names, check }: StatusArguments): Promise<number> {
  const client = await requireRunning(invocation)
  const found = narrow(await client.status(), names)
  const { options, terminal } = invocation
  if (options.json) terminal.print(`${JSON.stringify(found, null, 2)}\n`)
  else if (!options.quiet) {
    const { columns, color } = terminal
    terminal.print(formatStatus(found, { columns, color: color.out, now: new Date() }))
  }
  return check && !isReady(found) ? EXIT.failed : EXIT.fine
}

/** Only the forwards named, by themselves or by their host, and the hosts that carry them. */
function narrow(status: Status, names: string[]): Status {
  if (names.length === 0) return status
  refuseUnknownNames(status, names)
  const forwards = status.forwards.filter(({ name, via }) => names.includes(name) || names.includes(via))
  const hosts = status.hosts.filter(
    ({ name }) => names.includes(name) || forwards.some(({ via }) => via === name),
  )
  return { ...status, hosts, forwards }
}

/** Throws a ProblemError (USAGE) that names each. */
export function refuseUnknownNames({ forwards, hosts }: Status, names: readonly string[]): void {
  const known = [...forwards, ...hosts].map(({ name }) => name)
  const unknown = names.filter((name) => !known.includes(name))
  if (unknown.length > 0) throw new ProblemError(unknown.map((name) => unknownName(name, known)))
}

function unknownName(name: string, known: string[]) {
  const meant = suggest(name, known)
  return {
    code: 'USAGE' as const,
    summary: `No forward or host named ${name} is running`,
    ...(meant && { hint: `Did you mean ${meant}?` }),
  }
}
