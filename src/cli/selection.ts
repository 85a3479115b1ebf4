// What `up`, `plan` and `config` bring: the files that the options mean, checked here, and from this
// environment what those files mention. Every problem is shown with its line.

import { delimiter } from 'node:path'
import type { LoadResult } from '../config/load.ts'
import { loadProject } from '../config/load.ts'
import { MAX_FILE_BYTES } from '../config/read.ts'
import { suggest } from '../config/suggest.ts'
import type { ProjectPlace } from '../control/paths.ts'
import { identifyProject, lockDirOf, placeProject } from '../control/paths.ts'
import type { Selection } from '../control/protocol.ts'
import { isError, type Problem } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import type { ReadFiles } from '../supervisor/load-wanted.ts'
import { makeSelection } from '../supervisor/make-selection.ts'
import { formatJson } from '../view/json.ts'
import { formatProblems } from '../view/problem.ts'
import type { Invocation } from './invocation.ts'

export interface LoadedSelection {
  project: Project
  /** What the supervisor's look begins with. */
  read: ReadFiles
  selection: Selection
  place: ProjectPlace
  /** File to text, for code frames. */
  sources: LoadResult['sources']
}

/** Loads and checks; null after an error, which has then been shown (as JSON on stdout with `--json`). */
export async function loadSelection(
  invocation: Invocation,
  names: string[] | null,
): Promise<LoadedSelection | null> {
  const { options, env, cwd } = invocation
  const input = await readInput(options.files, env)
  const asked = {
    files: options.files,
    env,
    cwd,
    profiles: options.profiles,
    names,
    ...(options.envFile !== null && { envFile: options.envFile }),
    ...(options.projectName !== null && { projectName: options.projectName }),
  }
  const loaded = await loadProject({ ...asked, ...(input !== null && { input }) })
  const unknown = loaded.project && names ? unknownNames(loaded.project, names) : []
  showProblems(invocation, [...loaded.problems, ...unknown], loaded.sources)
  if (!loaded.project || unknown.length > 0) return null
  const selection = await makeSelection(loaded.project, loaded.files, asked)
  const identity = await identifyProject(loaded.files[0] ?? '-', { cwd, projectName: options.projectName })
  const place = placeProject(identity, env)
  explain(invocation, selection, place)
  const { project, environment, written, problems, sources } = loaded
  return {
    read: { project, environment, written: written!, problems },
    project,
    sources,
    place,
    selection: { ...selection, ...(input !== null && { input }) },
  }
}

/** For verbs of scripts: what is only worth a look has been seen at `up`. */
export function withoutWarnings(invocation: Invocation): Invocation {
  return { ...invocation, options: { ...invocation.options, quiet: true } }
}

function explain({ terminal }: Invocation, { files, environment }: Selection, place: ProjectPlace): void {
  terminal.explain(`Files: ${files.join(', ')}`)
  terminal.explain(`Variables passed on: ${Object.keys(environment).join(', ')}`)
  terminal.explain(`Control socket in ${lockDirOf(place)}, state in ${place.stateDir}`)
}

/** Standard input can be read only once, and the supervisor needs it, too. Cut where the loader refuses it anyway. */
async function readInput(files: string[], env: Invocation['env']): Promise<string | null> {
  const named = files.length > 0 ? files : (env.TUNNELS_FILE ?? '').split(delimiter)
  if (!named.includes('-')) return null
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    chunks.push(chunk)
    bytes += chunk.length
    if (bytes > MAX_FILE_BYTES) break
  }
  return Buffer.concat(chunks).toString('utf8')
}

function unknownNames({ forwards, hosts }: Project, names: readonly string[]): Problem[] {
  const known = [...new Set([...forwards.keys(), ...hosts.keys()])]
  return names
    .filter((name) => !known.includes(name))
    .map((name) => {
      const meant = suggest(name, known)
      const summary = `There is no forward or host named ${name}`
      return { code: 'USAGE', summary, ...(meant && { hint: `Did you mean ${meant}?` }) }
    })
}

/** What a look into the ssh configuration has found, beside what was shown when the files were loaded. */
export function showFurther(
  invocation: Invocation,
  problems: readonly Problem[],
  { project, sources }: LoadedSelection,
): void {
  const shown = new Set(project.warnings.map(({ summary }) => summary))
  const further = problems.filter(({ summary }) => !shown.has(summary))
  showProblems(invocation, further, sources)
}

/** Shown by the one who found them; the answer for a script goes to stdout. */
export function showProblems(
  { options, terminal, cwd }: Invocation,
  problems: readonly Problem[],
  sources: LoadResult['sources'] = new Map(),
): void {
  if (problems.length === 0) return
  const failed = problems.some(isError)
  if (options.json && failed) return terminal.print(`${formatJson({ problems })}\n`)
  if (options.quiet && !failed) return
  const color = terminal.color.err
  terminal.complain(
    formatProblems([...problems], { sources: (file) => sources.get(file), color, cwd }).trimEnd(),
  )
}
