// From files to a Project: finds and reads them, hands their trees to make-project.ts, and puts everything that
// is wrong into one list.

import { join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { isError, type Problem } from '../model/problem.ts'
import type { Project } from '../model/project.ts'
import type { Selecting } from '../resolve/select.ts'
import { parseDocument } from './document.ts'
import { readEnvFile } from './dotenv.ts'
import { expandShortForms } from './expand-short-forms.ts'
import { findFiles } from './find.ts'
import { makeProject } from './make-project.ts'
import type { Written } from './origins.ts'
import { readSource, type SourceFile } from './read.ts'
import { problemAt } from './reading.ts'
import { isMap, type Result, type Tree } from './tree.ts'
import { traceVariables } from './variable-origins.ts'

export interface LoadOptions {
  /** What `-f` names; empty: look for the file. */
  files: string[]
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  envFile?: string
  profiles: string[]
  /** Forwards or hosts; null: everything that the profiles select. */
  names: string[] | null
  /** Forwards or hosts beside what the profiles select. */
  also?: string[]
  /** What others select besides, each for itself. */
  leases?: readonly Omit<Selecting, 'leases'>[]
  projectName?: string
  /** What `-` reads, where standard input has been read already. */
  input?: string
  /** By absolute path, what is taken to stand in a file in the place of what does: it is about to be written. */
  texts?: ReadonlyMap<string, string>
}

export interface LoadResult {
  /** Null when any error stands. */
  project: Project | null
  /** Errors and warnings, by file, line and column. */
  problems: Problem[]
  /** File to text, for code frames. */
  sources: ReadonlyMap<string, string>
  /** Absolute, in merge order. */
  files: string[]
  folder: string | null
  /** The environment over the `.env` file: where secrets that the file names are looked up. */
  environment: Readonly<Record<string, string | undefined>>
  /** Where everything stands; null where there is no project. */
  written: Written | null
}

/** Never rejects for what files hold or lack. */
export async function loadProject(options: LoadOptions): Promise<LoadResult> {
  const found = await findFiles(options)
  if (!found.value) return failed(found.problems, options)
  const { files, folder } = found.value
  const parsed = await parseFiles(files, options)
  const dotenv = await loadDotenv(options, folder)
  const environment = environmentOf(dotenv.values, options.env)
  const problems = [...found.problems, ...parsed.problems, ...dotenv.problems]
  const sources = new Map([...parsed.sources, ...dotenv.sources].map(({ path, text }) => [path, text]))
  const result = { sources, files, folder, environment, written: null }
  if (parsed.trees.length === 0) return { ...result, project: null, problems: sorted(problems, files) }

  const lookup = (name: string) => (Object.hasOwn(options.env, name) ? options.env[name] : undefined)
  const originsOf = traceVariables(lookup, dotenv.uses)
  const making = { ...options, environment, files, folder, originsOf, mentioned: [...dotenv.uses.values()] }
  const made = makeProject(parsed.trees, making)
  const seen = withoutEchoes([...problems, ...made.problems])
  const all = sorted(seen.some(isError) ? seen : [...seen, ...missForwards(parsed.trees)], files)
  if (all.some(isError)) return { ...result, project: null, problems: all }
  const sourceOf = (name: string) => (lookup(name) === undefined ? dotenv.path : 'environment')
  const written = { ...made.written, sourceOf }
  return { ...result, project: { ...made.project, warnings: all }, problems: all, written }
}

/** A file that was emptied, or is only half written, must not read as "close everything". */
function missForwards(trees: readonly Tree[]): Problem[] {
  if (trees.some(({ value }) => isMap(value) && Object.hasOwn(value, 'forwards'))) return []
  const hint = 'Write `forwards: {}` where there are to be none'
  return [{ ...problemAt(trees[0]!, '', 'CONFIG_SCHEMA', 'There is no `forwards:`'), hint }]
}

function failed(problems: Problem[], { env }: LoadOptions): LoadResult {
  const nothing = { sources: new Map(), files: [], folder: null, written: null }
  return { ...nothing, project: null, problems, environment: env }
}

async function parseFiles(files: string[], { input, texts }: Pick<LoadOptions, 'input' | 'texts'>) {
  const stdin = () => (input === undefined ? process.stdin : Readable.from([input]))
  const readOne = async (path: string): Promise<Result<SourceFile | null>> => {
    const text = texts?.get(path)
    if (text !== undefined) return { value: { path, text }, problems: [] }
    return readSource(path, path === '-' ? stdin() : undefined)
  }
  const read = await Promise.all(files.map(readOne))
  const sources = read.flatMap(({ value }) => value ?? [])
  const problems = read.flatMap((result) => result.problems)
  const trees = sources.map((source, index) => {
    const parsed = parseDocument(source)
    const expanded = expandShortForms(parsed.value, index > 0)
    problems.push(...parsed.problems, ...expanded.problems)
    return expanded.value
  })
  return { sources, problems, trees }
}

async function loadDotenv({ envFile, cwd, env }: LoadOptions, folder: string) {
  const path = envFile === undefined ? join(folder, '.env') : resolve(cwd, envFile)
  const lookup = (name: string) => (Object.hasOwn(env, name) ? env[name] : undefined)
  const uses = new Map<string, Set<string>>()
  const onUse = (name: string, used: string) => uses.set(name, (uses.get(name) ?? new Set()).add(used))
  const { value, problems } = await readEnvFile(path, { mustExist: envFile !== undefined, lookup, onUse })
  const source = problems.length > 0 ? (await readSource(path)).value : null
  const sources: SourceFile[] = source ? [source] : []
  return { path, values: value, problems, sources, uses }
}

/** The environment wins. Without a prototype, so that a variable named `constructor` is as unset as others. */
function environmentOf(dotenv: Record<string, string>, env: LoadOptions['env']): LoadResult['environment'] {
  const set = Object.entries(env).filter(([, value]) => value !== undefined)
  return Object.assign(Object.create(null), dotenv, Object.fromEntries(set))
}

/** What is wrong with a line's syntax explains what else seems wrong with it. */
function withoutEchoes(problems: Problem[]): Problem[] {
  const lineOf = ({ at }: Problem) => at && `${at.file}:${at.line}`
  const broken = new Set(problems.filter(({ code }) => code === 'CONFIG_SYNTAX').map(lineOf))
  const kept = problems.filter((problem) => {
    return problem.code === 'CONFIG_SYNTAX' || !problem.at || !broken.has(lineOf(problem))
  })
  // What a short form said of its host stands under a key that is nobody's.
  return kept.map((problem) =>
    problem.path ? { ...problem, path: problem.path.replace(/\.-\.\d+\.1$/, '') } : problem,
  )
}

function sorted(problems: Problem[], files: readonly string[]): Problem[] {
  const rank = ({ at }: Problem) => (at ? [files.indexOf(at.file), at.line, at.column] : [-2, 0, 0])
  return problems.toSorted((a, b) => {
    const [left, right] = [rank(a), rank(b)]
    const index = left.findIndex((value, at) => value !== right[at])
    return index < 0 ? 0 : left[index]! - right[index]!
  })
}
