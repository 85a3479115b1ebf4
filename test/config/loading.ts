// Loads files written for one test, as a user's would be.

import { type LoadOptions, type LoadResult, loadProject } from '../../src/config/load.ts'
import type { Problem } from '../../src/model/problem.ts'
import type { ForwardSpec, Project } from '../../src/model/project.ts'
import { testFolder } from '../helpers/folder.ts'

type Files = Record<string, string>

/** One text is `tunnels.yaml`. The environment is empty but for a home. */
export async function load(files: string | Files, options: Partial<LoadOptions> = {}): Promise<LoadResult> {
  const folder = testFolder()
  const all = typeof files === 'string' ? { 'tunnels.yaml': files } : files
  for (const [name, text] of Object.entries(all)) folder.write(name, text)
  const env = { HOME: '/home/me', ...options.env }
  return loadProject({ files: [], cwd: folder.path, profiles: [], names: null, ...options, env })
}

/** Fails with the problems when there are errors. */
export async function loadWell(files: string | Files, options: Partial<LoadOptions> = {}): Promise<Project> {
  const { project, problems } = await load(files, options)
  if (!project) throw new Error(problems.map(formatBriefly).join('\n'))
  return project
}

/** The one forward of a file whose `forwards:` is this. */
export async function loadForward(text: string, options: Partial<LoadOptions> = {}): Promise<ForwardSpec> {
  const project = await loadWell(`forwards:\n  it: ${text}\n`, options)
  return project.forwards.get('it')!
}

/** `2:9 CONFIG_SCHEMA forwards.it.local`, with `~` before a warning. */
export function formatBriefly({ at, code, path, severity }: Problem): string {
  return `${severity ? '~' : ''}${at ? `${at.line}:${at.column}` : '-'} ${code} ${path ?? ''}`.trimEnd()
}

export async function briefly(files: string | Files, options: Partial<LoadOptions> = {}): Promise<string[]> {
  const { problems } = await load(files, options)
  return problems.map(formatBriefly)
}
