// One look at the files: load, select, resolve. Changes nothing but the remembered ports of `auto`.

import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { type LoadResult, loadProject } from '../config/load.ts'
import { identifyProject, placeProject } from '../control/paths.ts'
import type { Selection } from '../control/protocol.ts'
import { isError, type Problem, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import type { Wanted } from '../model/wanted.ts'
import { resolve } from '../resolve/resolve.ts'
import { selectForwards } from '../resolve/select.ts'

export interface Loaded {
  project: Project
  /** Names of forwards. */
  selected: ReadonlySet<string>
  wanted: Wanted
  warnings: Problem[]
}

/** Rejects with a ProblemError that holds every error of the files. */
export async function loadWanted(selection: Selection): Promise<Loaded> {
  const { project, problems, environment } = await loadProject({
    files: selection.files,
    env: selection.environment,
    cwd: process.cwd(),
    profiles: selection.profiles,
    names: selection.names,
    ...(selection.also && { also: selection.also }),
    ...(selection.input !== undefined && { input: selection.input }),
    ...(selection.envFile !== null && { envFile: selection.envFile }),
    ...(selection.projectName !== null && { projectName: selection.projectName }),
  })
  if (!project) throw new ProblemError(problems.filter(isError))
  return { project, ...(await resolveWanted({ project, environment }, selection)), warnings: problems }
}

/** What the loader found, of one selection. */
export interface Read {
  project: Project
  environment: LoadResult['environment']
}

/** Rejects with a ProblemError when ports of `auto` cannot be remembered. */
export async function resolveWanted(
  { project, environment }: Read,
  selection: Selection,
): Promise<Pick<Loaded, 'selected' | 'wanted'>> {
  const { selected } = selectForwards(project, selection)
  const wanted = await resolve(project, selected, {
    environment,
    home: selection.environment.HOME ?? homedir(),
    user: userInfo().username,
    autoPortsFile: join(await stateDirOf(selection), 'ports.json'),
  })
  return { selected, wanted }
}

async function stateDirOf({ files, projectName }: Selection): Promise<string> {
  const identity = await identifyProject(files[0] ?? '-', { cwd: process.cwd(), projectName })
  return placeProject(identity, process.env).stateDir
}
