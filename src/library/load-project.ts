// `loadProject` for programs: the binary's reading of a tunnels.yaml, with its defaults. Opens no socket and runs nothing.

import { type LoadOptions, type LoadResult, loadProject as load } from '../config/load.ts'

/** What the options of the binary say; all may be left out. */
export interface ProjectOptions {
  /** As `-f`, relative to `cwd`; default: the nearest tunnels.yaml of `cwd` or a parent, with its override. */
  files?: string[]
  /** Default: the process's working folder. */
  cwd?: string
  /** Forwards, or hosts for all forwards via them; default: everything that the profiles select. */
  names?: string[]
  /** As `--profile`. */
  profiles?: string[]
  /** What variables in the files, secrets and ssh are looked up in; default: the process's environment. */
  env?: Readonly<Record<string, string | undefined>>
  /** As `--env-file`; default: `.env` beside the first file. */
  envFile?: string
  /** As `-p`. */
  projectName?: string
}

/** Never rejects for what files hold or lack: `project` is null then, and `problems` says why, each with its line. */
export function loadProject(options: ProjectOptions = {}): Promise<LoadResult> {
  return load(loadOptionsOf(options))
}

/** @internal */
export function loadOptionsOf(options: ProjectOptions): Omit<LoadOptions, 'input' | 'also'> {
  const { files = [], profiles = [], names, env = process.env, cwd = process.cwd(), ...rest } = options
  return { ...rest, files, profiles, env, cwd, names: names ?? null }
}
