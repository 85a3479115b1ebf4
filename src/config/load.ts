// From files to a Project, in the order of 01-config-language: parse each, expand short forms, merge,
// interpolate, validate, fill defaults. Everything that is wrong is said at once.

import { homedir } from 'node:os'
import { basename, join, resolve } from 'node:path'
import { Readable } from 'node:stream'
import { isError, type Problem } from '../model/problem.ts'
import type { ForwardSpec, HostSpec, Project } from '../model/project.ts'
import { selectForwards } from '../resolve/select.ts'
import { checkEnvPrefixes, checkJumps, checkListeners } from './check.ts'
import { parseDocument } from './document.ts'
import { readEnvFile } from './dotenv.ts'
import { findFiles } from './find.ts'
import { giveHostOptions } from './host-options.ts'
import { type Interpolated, interpolateTree } from './interpolate.ts'
import { mergeTrees } from './merge.ts'
import { type Normalized, normalize } from './normalize.ts'
import { refuseNotYet } from './not-yet.ts'
import { normalizeName, parseProjectName } from './project-name.ts'
import { readSource, type SourceFile } from './read.ts'
import { openSection, type Reading, read } from './reading.ts'
import { expandShortForms } from './short-form.ts'
import { formatPointer, type Tree } from './tree.ts'
import { addDoubts, validateTree } from './validate.ts'
import { warnAbout, warnUnused } from './warnings.ts'

export interface LoadOptions {
  /** What `-f` names; empty: look for the file. */
  files: string[]
  env: Readonly<Record<string, string | undefined>>
  cwd: string
  envFile?: string
  profiles: string[]
  /** Forwards or hosts; null: everything that the profiles select. */
  names: string[] | null
  projectName?: string
  /** What `-` reads, where standard input has been read already. */
  input?: string
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
}

/** Never rejects for what files hold or lack. */
export async function loadProject(options: LoadOptions): Promise<LoadResult> {
  const found = await findFiles(options)
  if (!found.value) return failed(found.problems, options)
  const { files, folder } = found.value
  const parsed = await parseFiles(files, options.input)
  const dotenv = await loadDotenv(options, folder)
  const environment = { ...dotenv.values, ...withoutUndefined(options.env) }
  const problems = [...found.problems, ...parsed.problems, ...dotenv.problems]
  const sources = new Map([...parsed.sources, ...dotenv.sources].map(({ path, text }) => [path, text]))
  const result = { sources, files, folder, environment }
  if (parsed.trees.length === 0) return { ...result, project: null, problems: sorted(problems, files) }

  const made = makeProject(parsed.trees, { ...options, environment, files, folder })
  const all = sorted(withoutEchoes([...problems, ...made.problems]), files)
  if (all.some(isError)) return { ...result, project: null, problems: all }
  return { ...result, project: { ...made.project, warnings: all }, problems: all }
}

function failed(problems: Problem[], { env }: LoadOptions): LoadResult {
  return { project: null, problems, sources: new Map(), files: [], folder: null, environment: env }
}

async function parseFiles(files: string[], input: string | undefined) {
  const stdin = () => (input === undefined ? process.stdin : Readable.from([input]))
  const read = await Promise.all(files.map((file) => readSource(file, file === '-' ? stdin() : undefined)))
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
  const { value, problems } = await readEnvFile(path, { mustExist: envFile !== undefined, lookup })
  const source = problems.length > 0 ? (await readSource(path)).value : null
  const sources: SourceFile[] = source ? [source] : []
  return { values: value, problems, sources }
}

function withoutUndefined(env: LoadOptions['env']): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
}

interface Making extends LoadOptions {
  environment: Readonly<Record<string, string | undefined>>
  files: string[]
  folder: string
}

function makeProject(trees: Tree[], making: Making): { project: Project; problems: Problem[] } {
  const merged = mergeTrees(trees)
  const { environment } = making
  const filled = interpolateTree(merged, (name) =>
    Object.hasOwn(environment, name) ? environment[name] : undefined,
  )
  const reading = openReading(merged, filled.value, filled.problems, making)
  const doubts = validateTree(reading)
  refuseNotYet(reading)
  const name = readName(reading, making)
  const normalized = normalize(reading)
  addDoubts(reading, doubts)

  const { selected } = selectForwards(normalized, { ...making, stopped: [] })
  const forwards = specsOf(normalized)
  const chosen = forwards.filter((forward) => selected.has(forward.name))
  checkJumps(reading, normalized.hosts)
  checkListeners(reading, chosen)
  checkEnvPrefixes(reading, chosen)
  warnAbout(reading, normalized.hosts, chosen)
  warnUnused(reading, normalized.hosts.values(), hostsOf(normalized, [...normalized.forwards.keys()]))
  const variableProblems = softenUnselected(filled, normalized, selected)
  const project = {
    name,
    folder: making.folder,
    files: making.files,
    hosts: normalized.hosts,
    forwards: new Map(forwards.map((forward) => [forward.name, forward])),
    variables: variablesOf(filled.variables, forwards, normalized.hosts),
    warnings: [],
  }
  return { project, problems: [...variableProblems, ...reading.problems] }
}

/** Values with a variable that is not set are left alone from here on: the variable is the problem. */
function openReading(raw: Tree, tree: Tree, problems: readonly Problem[], making: Making): Reading {
  const broken = new Set(problems.map(({ path }) => path))
  const pointers =
    broken.size > 0 ? [...tree.places.keys()].filter((path) => broken.has(formatPointer(path))) : []
  const reported = new Set(pointers)
  const base = { folder: making.folder, home: making.env.HOME || homedir() }
  const given = giveHostOptions(tree, base, (path) => reported.has(path))
  return { raw, tree: given.value, base, problems: given.problems, reported }
}

function readName(reading: Reading, { projectName, folder }: Making): string {
  const written = read(openSection(reading, ''), 'name', parseProjectName)
  if (projectName === undefined) return written ?? normalizeName(basename(folder))
  const given = parseProjectName(projectName)
  if (given.ok) return given.value
  reading.problems.push({
    code: 'USAGE',
    summary: `The project name ${JSON.stringify(projectName)} ${given.complaint}`,
  })
  return normalizeName(projectName)
}

function specsOf({ forwards }: Normalized): ForwardSpec[] {
  return [...forwards.values()].flatMap(({ spec }) => spec ?? [])
}

/** The hosts that these forwards need, jumps included. */
function hostsOf({ forwards, hosts }: Normalized, names: Iterable<string>): Set<string> {
  const used = new Set<string>()
  const visit = (host: HostSpec | undefined) => {
    if (!host || used.has(host.name)) return
    used.add(host.name)
    for (const hop of host.proxyJump ?? []) visit(hosts.get(hop))
  }
  for (const name of names) visit(hosts.get(forwards.get(name)?.via ?? ''))
  return used
}

/** An unset variable that only matters to what is not selected is worth a warning. */
function softenUnselected(
  { problems, unset }: Interpolated,
  normalized: Normalized,
  selected: ReadonlySet<string>,
): Problem[] {
  const used = hostsOf(normalized, selected)
  const idleForwards = [...normalized.forwards.keys()].filter((name) => !selected.has(name))
  const idleHosts = [...normalized.hosts.keys()].filter((name) => !used.has(name))
  const idle = [
    ...idleForwards.map((name) => `forwards.${name}.`),
    ...idleHosts.map((name) => `hosts.${name}.`),
  ]
  return problems.map((problem) => {
    const isIdle = idle.some((prefix) => problem.path?.startsWith(prefix))
    return isIdle && unset.has(problem) ? { ...problem, severity: 'warning' } : problem
  })
}

function variablesOf(
  mentioned: readonly string[],
  forwards: readonly ForwardSpec[],
  hosts: ReadonlyMap<string, HostSpec>,
): string[] {
  const secrets = [
    ...forwards.map(({ auth }) => auth?.passwordEnv),
    ...[...hosts.values()].flatMap(({ passwordEnv, passphraseEnv }) => [passwordEnv, passphraseEnv]),
  ]
  return [...new Set([...mentioned, ...secrets.filter((name) => name !== undefined)])].sort()
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
