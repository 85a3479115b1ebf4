// `tunnels status`: what is true now, asked of the running supervisor.

import { isReady } from '../model/status.ts'
import { formatConnections } from '../view/connections.ts'
import { formatJson } from '../view/json.ts'
import { formatStatus } from '../view/status.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { narrow, refuseUnknownNames } from './named.ts'
import { requireRunning } from './project.ts'

export interface StatusArguments {
  names: string[]
  check: boolean
  watch: boolean
  /** Each connection that is open, too. */
  connections: boolean
}

export async function status(invocation: Invocation, args: StatusArguments): Promise<number> {
  const { names, check, connections } = args
  const client = await requireRunning(invocation)
  const whole = await client.status({ connections })
  refuseUnknownNames(whole, names)
  if (args.watch) {
    const { watchStatus } = await import('./watch-status.ts')
    return watchStatus(invocation, client, { names, connections })
  }
  const narrowed = narrow(whole, names)
  const found = connections ? await (await import('./connection-clients.ts')).withClients(narrowed) : narrowed
  const { options, terminal } = invocation
  if (options.json) terminal.print(`${formatJson(found, 2)}\n`)
  else if (!options.quiet) {
    const { columns, color } = terminal
    const now = new Date()
    terminal.print(formatStatus(found, { columns, color: color.out, now }))
    if (connections) terminal.print(`\n${formatConnections(found, { columns, now })}`)
  }
  return check && !isReady(found) ? EXIT.failed : EXIT.fine
}
