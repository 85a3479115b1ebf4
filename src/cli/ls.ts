// `tunnels ls`: every project that runs for this user, wherever its file is, or was; with an address, who holds that.

import { formatJson } from '../view/json.ts'
import { formatProjects } from '../view/projects.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { describeProjects, findSupervisors } from './running-projects.ts'

/** `what`: a port, an address or a path. */
export async function ls(invocation: Invocation, what: string | null): Promise<number> {
  if (what !== null) return (await import('./holders.ts')).listHolders(invocation, what)
  const projects = await describeProjects(await findSupervisors(invocation))
  const { options, terminal } = invocation
  if (options.json) terminal.print(`${formatJson({ projects }, 2)}\n`)
  else if (projects.length === 0) terminal.note('Nothing is running')
  else {
    const { columns, color } = terminal
    terminal.print(formatProjects(projects, { columns, color: color.out, now: new Date() }))
  }
  return EXIT.fine
}
