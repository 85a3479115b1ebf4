// One look at the files: load, select, resolve. Changes nothing but the remembered ports of `auto`.

import { homedir, userInfo } from 'node:os'
import { join } from 'node:path'
import { loadProject } from '../config/load.ts'
import { identifyProject, placeProject } from '../control/paths.ts'
import type { Selection } from '../control/protocol.ts'
import { isError, type Problem, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import type { Wanted } from '../model/wanted.ts'
import type { KnownHost } from '../resolve/gather-hosts.ts'
import { resolve } from '../resolve/resolve.ts'
import { selectForwards } from '../resolve/select.ts'
import { SshConfig } from '../resolve/ssh-config.ts'

export interface Loaded {
  project: Project
  /** Names of forwards. */
  selected: ReadonlySet<string>
  wanted: Wanted
  /** What the files and the ssh configuration say of each host. */
  hosts: ReadonlyMap<string, KnownHost>
  /** Files and folders of the ssh configuration that decided about hosts; some may not exist. */
  sshConfigFiles: string[]
  warnings: Problem[]
}

export interface LoadingOptions {
  /** What ssh has been asked already; absent: nothing. */
  sshConfig?: SshConfig
  /** Ends a look that hangs. */
  signal?: AbortSignal
}

/** Rejects with a ProblemError that holds every error of the files. */
export async function loadWanted(
  selection: Selection,
  { sshConfig = new SshConfig(), signal = new AbortController().signal }: LoadingOptions = {},
): Promise<Loaded> {
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
  const { selected } = selectForwards(project, selection)
  const { wanted, hosts, warnings } = await resolve(project, selected, {
    environment,
    caller: selection.environment,
    variables: process.env,
    sshConfig,
    allowed: false,
    signal,
    home: selection.environment.HOME ?? homedir(),
    user: userInfo().username,
    autoPortsFile: join(await stateDirOf(selection), 'ports.json'),
  })
  return {
    project,
    selected,
    wanted,
    hosts,
    sshConfigFiles: sshConfig.files,
    warnings: [...problems, ...warnings],
  }
}

async function stateDirOf({ files, projectName }: Selection): Promise<string> {
  const identity = await identifyProject(files[0] ?? '-', { cwd: process.cwd(), projectName })
  return placeProject(identity, process.env).stateDir
}
