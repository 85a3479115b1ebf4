// `import --write` and `init` on their way to a file: what is to be in it is checked as `tunnels validate` would, what it
// may do is agreed to by writing it, and only then is it written.

import { isUtf8 } from 'node:buffer'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { findFiles } from '../config/find.ts'
import { type LoadResult, loadProject } from '../config/load.ts'
import { MAX_FILE_BYTES, readSource } from '../config/read.ts'
import { identifyProject, placeProject } from '../control/paths.ts'
import { readBounded } from '../files/bounded-read.ts'
import { isError, ProblemError, problemOf } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import { trustWhatIsNew } from '../supervisor/trust.ts'
import type { Invocation } from './invocation.ts'
import { type Before, type Replaced, replaceFile } from './replace-file.ts'

/** The project's files with the one that is to be written first. */
export interface ProjectFile {
  path: string
  /** All of them, absolute, in merge order. */
  files: string[]
  /** Without a byte order mark; empty where there is no file yet. */
  text: string
  hasMark: boolean
  before: Before
}

/** The one that -f or $TUNNELS_FILE names, or that is found, or a new one here. Throws a ProblemError. */
export async function findProjectFile({ options, env, cwd }: Invocation): Promise<ProjectFile> {
  if (options.files.length > 1)
    throw new ProblemError({ code: 'USAGE', summary: 'One file can be written: name it with one -f' })
  const found = await findFiles({ files: options.files, env: { ...env }, cwd })
  const missing = found.problems.every(({ code }) => code === 'CONFIG_NOT_FOUND')
  if (!found.value && !missing) throw new ProblemError(found.problems)
  const files = found.value?.files ?? [resolve(cwd, 'tunnels.yaml')]
  if (files.includes('-'))
    throw new ProblemError({ code: 'USAGE', summary: 'Standard input cannot be written to' })
  return readProjectFile(files)
}

async function readProjectFile(files: string[]): Promise<ProjectFile> {
  const path = files[0]!
  const read = await readBounded(path, MAX_FILE_BYTES)
  if (read.kind === 'missing') return { path, files, text: '', hasMark: false, before: null }
  const isText = read.kind === 'read' && !read.isCut && isUtf8(read.bytes) && !read.bytes.includes(0)
  if (!isText) throw new ProblemError((await readSource(path)).problems)
  const text = read.bytes.toString('utf8')
  const hasMark = text.startsWith('\ufeff')
  return { path, files, text: hasMark ? text.slice(1) : text, hasMark, before: read.bytes }
}

/**
 * The project as it would be with `text` in its first file. A variable that is not set here is nobody's mistake: the file
 * counts as right, and nothing of it is selected but `names`.
 */
export async function loadWithText(
  { options, env, cwd }: Invocation,
  { files }: Pick<ProjectFile, 'files'>,
  text: string,
  names: string[],
): Promise<LoadResult> {
  const load = (chosen: string[] | null) =>
    loadProject({
      files,
      env,
      cwd,
      profiles: options.profiles,
      names: chosen,
      texts: new Map([[files[0]!, text]]),
      ...(options.envFile !== null && { envFile: options.envFile }),
      ...(options.projectName !== null && { projectName: options.projectName }),
    })
  const loaded = await load(null)
  const isOnlyUnset = loaded.problems.filter(isError).every(({ code }) => code === 'CONFIG_VARIABLE')
  return loaded.project || !isOnlyUnset ? loaded : load(names)
}

/** What the text may do is trusted from here on, and the file has it. Rejects with a ProblemError. */
export async function writeProjectFile(
  { options, env, cwd, terminal }: Invocation,
  file: ProjectFile,
  text: string,
  { was, is }: { was: Project | null; is: Project },
): Promise<Replaced> {
  const identity = await identifyProject(file.path, { cwd, projectName: options.projectName })
  // Before a supervisor that follows the file can see it.
  await trustWhatIsNew(placeProject(identity, env), was, is, env.HOME || homedir()).catch(
    (error: unknown) => {
      const problem = problemOf(error)
      if (problem.code !== 'STATE_UNWRITABLE') throw error
      terminal.note(`${problem.summary}: \`tunnels up\` will ask`)
    },
  )
  return replaceFile(file.path, file.hasMark ? `\ufeff${text}` : text, file.before)
}
