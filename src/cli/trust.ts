// `tunnels trust`: what was agreed to for this project and what waits; for every project with --list; and with
// --revoke nothing any more. Asks nothing, and runs nothing of what it shows.

import { join } from 'node:path'
import { ProblemError } from '../model/problem.ts'
import type { TrustItem, TrustRecord } from '../model/trust.ts'
import { listTrusted, recallTrust, revokeTrust } from '../supervisor/trust.ts'
import { formatJson } from '../view/json.ts'
import { makePrintable } from '../view/printable.ts'
import { formatTrust } from '../view/trust.ts'
import { EXIT } from './exit-code.ts'
import type { Invocation } from './invocation.ts'
import { findPlace } from './project.ts'
import { loadSelection } from './selection.ts'

export async function trust(
  invocation: Invocation,
  { list, revoke }: { list: boolean; revoke: boolean },
): Promise<number> {
  if (list && revoke)
    throw new ProblemError({ code: 'USAGE', summary: '--list and --revoke are two questions' })
  if (list) return listProjects(invocation)
  return revoke ? revokeProject(invocation) : showProject(invocation)
}

async function showProject(invocation: Invocation): Promise<number> {
  const loaded = await loadSelection(invocation, null)
  if (!loaded) return EXIT.usage
  const { project, read, selection, place } = loaded
  const { lookAtAll } = await import('../supervisor/load-wanted.ts')
  const { items, waiting } = await lookAtAll(read, selection)
  const agreed = items.filter((item) => !waiting.includes(item))
  const { options, terminal } = invocation
  if (options.json) {
    const since = new Map((await recallTrust(place))?.trusted.map((part) => [part.hash, part.since]))
    const trusted = agreed.map((item) => ({ ...partOf(item), since: since.get(item.hash) ?? null }))
    terminal.print(`${formatJson({ project: project.name, trusted, waiting: waiting.map(partOf) })}\n`)
    return EXIT.fine
  }
  const show = (title: string, some: readonly TrustItem[]) => {
    if (some.length === 0) return []
    return [title, ...formatTrust(some, { color: terminal.color.out, all: true, cwd: invocation.cwd })]
  }
  const lines = [...show('Agreed to:', agreed), ...show('Waits for an answer to `tunnels up`:', waiting)]
  if (lines.length === 0) terminal.note('The files do nothing that has to be agreed to')
  for (const line of lines) terminal.print(`${line}\n`)
  return EXIT.fine
}

function partOf({ kind, path, text, at }: TrustItem): object {
  return { kind, path, text, ...(at && { at }) }
}

async function listProjects({ options, terminal, env }: Invocation): Promise<number> {
  const records = await listTrusted(env)
  if (options.json) {
    terminal.print(`${formatJson({ projects: records.map(withoutHashes) })}\n`)
    return EXIT.fine
  }
  if (records.length === 0) terminal.note('Nothing was agreed to for any project')
  for (const record of records) for (const line of describe(record)) terminal.print(`${line}\n`)
  return EXIT.fine
}

function withoutHashes({ trusted, ...record }: TrustRecord): object {
  return { ...record, trusted: trusted.map(({ hash: _, ...part }) => part) }
}

function describe({ folder, file, projectName, trusted }: TrustRecord): string[] {
  const name = projectName === null ? '' : ` (-p ${makePrintable(projectName)})`
  const parts = trusted.map(({ path, since }) => `  ${makePrintable(path)}, since ${since.slice(0, 10)}`)
  return [`${makePrintable(join(folder, file))}${name}`, ...parts]
}

async function revokeProject(invocation: Invocation): Promise<number> {
  const place = await findPlace(invocation)
  if (!place)
    throw new ProblemError({
      code: 'CONFIG_NOT_FOUND',
      summary: 'There is no tunnels.yaml here',
      hint: 'Name it with -f FILE',
    })
  const was = await revokeTrust(place)
  const what = makePrintable(join(place.folder, place.file))
  invocation.terminal.note(was ? `Nothing of ${what} is trusted any more` : `Nothing of ${what} was trusted`)
  return EXIT.fine
}
