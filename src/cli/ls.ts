// `tunnels ls`: every project that runs for this user, wherever its file is, or was.

import { formatJson } from '../view/json.ts'
import { formatProjects } from '../view/projects.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { describeProjects, findSupervisors } from './running-projects.ts'

export async function ls(invocation: Invocation): Promise<number> {
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
