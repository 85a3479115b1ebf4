// `tunnels import`: an ssh command line, or the forwards of the ssh configuration, in the words of a tunnels.yaml; printed,
// or added to the file that is there.

import { realpath } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, isAbsolute, relative, resolve } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { addEntries } from '../config/add-entries.ts'
import { formatForward } from '../config/config-output.ts'
import { parseDocument } from '../config/document.ts'
import { type LoadResult, loadProject } from '../config/load.ts'
import { MAX_FILE_BYTES } from '../config/read.ts'
import { isMap, type Plain } from '../config/tree.ts'
import {
  type Beside,
  type Draft,
  formatDraft,
  makeDraft,
  meaningOf,
  NOTHING_BESIDE,
} from '../import/draft.ts'
import { importSshConfig } from '../import/from-ssh-config.ts'
import type { Imported } from '../import/imported.ts'
import { readSshCommand } from '../import/ssh-command.ts'
import { isError, ProblemError } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import { escapeInQuotes, formatJson } from '../view/json.ts'
import { EXIT } from './exit-code.ts'
import { whileLocked } from './file-lock.ts'
import type { Invocation } from './invocation.ts'
import { showProblems } from './selection.ts'
import { tellDraft } from './tell-draft.ts'
import { findProjectFile, loadWithText, type ProjectFile, writeProjectFile } from './write-project-file.ts'

export interface ImportArguments {
  /** The command line, whole or in words; or hosts. */
  words: string[]
  fromSshConfig: boolean
  write: boolean
}

export async function importTunnels(invocation: Invocation, args: ImportArguments): Promise<number> {
  const { env } = invocation
  const imported = args.fromSshConfig
    ? await importSshConfig(args.words, { env, home: env.HOME || homedir() })
    : [readSshCommand(args.words)]
  return args.write ? addToFile(invocation, imported) : print(invocation, imported)
}

async function print(invocation: Invocation, imported: readonly Imported[]): Promise<number> {
  const draft = makeDraft(imported, NOTHING_BESIDE)
  const text = formatDraft(draft)
  const { env, cwd, terminal, options } = invocation
  // To be pasted into a file that may have a variable of any value: nothing of this environment counts.
  const asked = { env: { HOME: env.HOME }, cwd, profiles: [], names: null }
  const checked = await loadProject({ ...asked, files: ['-'], texts: new Map([['-', text]]) })
  if (!checked.project) {
    showProblems(invocation, checked.problems.filter(isError), checked.sources)
    return EXIT.usage
  }
  tellDraft(invocation, draft)
  terminal.print(options.json ? `${formatJson(jsonOf(draft, null))}\n` : escapeInQuotes(text))
  return EXIT.fine
}

/** What becomes of it, for a script. */
function jsonOf({ hosts, forwards, warnings, notes }: Draft, written: string | null): object {
  return { written, hosts, forwards, warnings, notes }
}

/** An editor may save the file meanwhile; somebody who does so without end is not waited for. */
const MOST_ROUNDS = 5

async function addToFile(invocation: Invocation, imported: readonly Imported[]): Promise<number> {
  const { path } = await findProjectFile(invocation)
  const real = await realpath(path).catch(() => path)
  for (let round = 0; round < MOST_ROUNDS; round++) {
    const outcome = await whileLocked(real, () => tryToAdd(invocation, imported))
    if (outcome !== 'changed') return outcome
  }
  throw new ProblemError({
    code: 'CONFIG_UNREADABLE',
    summary: 'The file changes again and again, and was not written',
  })
}

async function tryToAdd(invocation: Invocation, imported: readonly Imported[]): Promise<number | 'changed'> {
  const file = await findProjectFile(invocation)
  const was = file.before === null ? null : await loadAsItWas(invocation, file)
  if (was && !was.project) {
    showProblems(invocation, was.problems, was.sources)
    return EXIT.usage
  }
  const draft = makeDraft(imported, besideOf(invocation, file, was?.project ?? null))
  const names = Object.keys(draft.forwards)
  if (names.length === 0) return done(invocation, draft, file)
  const text = addEntries(file.text, draft)
  if (text === null) throw cannotAdd(file, draft)
  if (Buffer.byteLength(text) > MAX_FILE_BYTES) throw tooBig(file)
  const is = await loadWithText(invocation, file, text, names)
  if (!is.project) {
    showProblems(invocation, is.problems.filter(isError), is.sources)
    invocation.terminal.complain('Nothing was written.')
    return EXIT.usage
  }
  const replaced = await writeProjectFile(invocation, file, text, {
    was: was?.project ?? null,
    is: is.project,
  })
  return replaced === 'changed' ? replaced : done(invocation, draft, file)
}

/** An editor that empties a file first has written it by then. */
const SAVED_MS = 700

/**
 * One that has no forwards yet is nobody's mistake: they come now. It may be about to have them, too, where somebody
 * saves it; then it has changed when it is to be replaced.
 */
async function loadAsItWas(invocation: Invocation, file: ProjectFile): Promise<LoadResult> {
  const was = await loadWithText(invocation, file, file.text, [])
  const { value } = parseDocument(file).value
  if (was.project || (isMap(value) && Object.hasOwn(value, 'forwards'))) return was
  const begun = await loadWithText(invocation, file, `${file.text}\nforwards: {}\n`, [])
  if (!begun.project) return was
  await delay(SAVED_MS)
  return begun
}

function besideOf({ cwd, env }: Invocation, { path, text }: ProjectFile, project: Project | null): Beside {
  const { value } = parseDocument({ path, text }).value
  const sections = isMap(value) ? value : {}
  const raw = isMap(sections.hosts) ? sections.hosts : {}
  const declared = [...(project?.hosts.values() ?? [])].filter(({ implicit }) => !implicit)
  const hosts = new Map<string, Plain>([
    ...declared.map(({ name }) => [name, {}] as const),
    ...Object.entries(raw),
  ])
  const forwards = [...(project?.forwards.values() ?? [])]
  const base = { folder: dirname(path), home: env.HOME || homedir() }
  const written = isMap(sections.forwards) ? Object.keys(sections.forwards) : []
  return {
    hosts,
    forwards: new Set([...forwards.map(({ name }) => name), ...written]),
    same: new Map(forwards.map((forward) => [meaningOf(formatForward(forward), base), forward.name])),
    base,
    place: (given) => placeIn(dirname(path), cwd, given),
  }
}

/** As somebody would write it in a file of that folder; what is said from nowhere in particular stays. */
function placeIn(folder: string, cwd: string, path: string): string {
  if (folder === cwd || isAbsolute(path) || /^[~%]/.test(path)) return path
  const there = relative(folder, resolve(cwd, path))
  return there.startsWith('.') ? there : `./${there}`
}

function tooBig({ path }: ProjectFile): ProblemError {
  const summary = `With what is to be added, ${path} would be larger than 256 KiB`
  return new ProblemError({ code: 'CONFIG_UNREADABLE', summary, hint: 'Begin another file: -f FILE' })
}

function cannotAdd({ path }: ProjectFile, draft: Draft): ProblemError {
  return new ProblemError({
    code: 'CONFIG_CONFLICT',
    summary: `${path} is written so that nothing can be added without changing the rest`,
    detail: formatDraft(draft).trimEnd(),
    hint: 'Add these lines by hand',
  })
}

function done(invocation: Invocation, draft: Draft, { path }: ProjectFile): number {
  const { terminal, options } = invocation
  tellDraft(invocation, draft)
  const names = Object.keys(draft.forwards)
  const isWritten = names.length > 0
  if (options.json) terminal.print(`${formatJson(jsonOf(draft, isWritten ? path : null))}\n`)
  else terminal.note(isWritten ? `Added to ${path}: ${names.join(', ')}` : 'There was nothing to add')
  return EXIT.fine
}
