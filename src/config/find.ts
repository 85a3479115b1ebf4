// Which files are the project's: -f, $TUNNELS_FILE, or the nearest tunnels.yaml here or in a parent, with its
// override beside it. Looks at names and owners only; reading them is read.ts.

import { lstat, realpath, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import type { Problem } from '../model/problem.ts'
import type { Result } from './tree.ts'

export interface FindOptions {
  /** What -f names, in order; `-` is standard input. */
  files: string[]
  env: Record<string, string | undefined>
  cwd: string
}

export interface FoundFiles {
  /** Absolute, in merge order; links in the last part are kept. May hold `-`. */
  files: string[]
  /** Real path of the first file's folder, what relative paths are relative to; for `-` the working folder. */
  folder: string
}

/** Null, with a problem, where there is no file that may be used. Files named by -f are not looked at. */
export async function findFiles(options: FindOptions): Promise<Result<FoundFiles | null>> {
  const { files, env, cwd } = options
  const fromEnvironment = (env.TUNNELS_FILE ?? '').split(':').filter((file) => file !== '')
  const named = files.length > 0 ? files : fromEnvironment
  if (named.length > 0) return found(named, cwd, doubleStandardInput(named))
  return search(cwd)
}

async function found(files: string[], cwd: string, problems: Problem[]): Promise<Result<FoundFiles>> {
  const absolute = files.map((file) => (file === '-' ? file : resolve(cwd, file)))
  const folder = absolute[0] === '-' ? cwd : dirname(absolute[0]!)
  return { value: { files: absolute, folder: await realPathOr(folder) }, problems }
}

function doubleStandardInput(files: string[]): Problem[] {
  if (files.filter((file) => file === '-').length < 2) return []
  return [{ code: 'USAGE', summary: 'Standard input (-f -) can be read only once' }]
}

/** A folder that is not there is told when its file is read. */
async function realPathOr(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

async function search(cwd: string): Promise<Result<FoundFiles | null>> {
  for (const folder of withParents(resolve(cwd))) {
    const main = await pick(folder, 'tunnels')
    if (!main.value) continue
    const override = await pick(folder, 'tunnels.override')
    const files = [main.value, ...(override.value ? [override.value] : [])]
    const environment = join(folder, '.env')
    const read = [...files, ...((await exists(environment)) ? [environment] : [])]
    const foreign = folder === resolve(cwd) ? [] : await foreignFiles(read)
    if (foreign.length > 0) return { value: null, problems: foreign }
    return found(files, cwd, [...main.problems, ...override.problems])
  }
  return { value: null, problems: [notFound(cwd)] }
}

function* withParents(folder: string): Generator<string> {
  yield folder
  const parent = dirname(folder)
  if (parent !== folder) yield* withParents(parent)
}

/** `.yaml` is taken where both spellings are there, and that is a problem. */
async function pick(folder: string, name: string): Promise<Result<string | null>> {
  const there: string[] = []
  for (const ending of ['yaml', 'yml']) {
    const path = join(folder, `${name}.${ending}`)
    if (await exists(path)) there.push(path)
  }
  return { value: there[0] ?? null, problems: there.length > 1 ? [bothSpellings(folder, name)] : [] }
}

/** A link that leads nowhere is there, too: reading it says what is wrong. */
async function exists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  )
}

function bothSpellings(folder: string, name: string): Problem {
  return {
    code: 'CONFIG_CONFLICT',
    summary: `There are both ${name}.yaml and ${name}.yml in ${folder}`,
    hint: 'Keep one of them, or name the file with -f',
  }
}

/** Above the working folder, in /tmp for one, anybody may have put a file: only ours and root's are taken. */
async function foreignFiles(files: string[]): Promise<Problem[]> {
  const checked = await Promise.all(files.map(async (file) => ((await isTrusted(file)) ? null : file)))
  return checked
    .filter((file) => file !== null)
    .map((file) => ({
      code: 'CONFIG_UNREADABLE',
      summary: `${file} belongs to another user and was not read`,
      hint: `If you trust it, name it: ${file.endsWith('.env') ? '--env-file' : '-f'} ${file}`,
    }))
}

async function isTrusted(file: string): Promise<boolean> {
  const link = await lstat(file)
  const target = await stat(file).catch(() => link)
  const own = process.getuid?.()
  return [link, target].every(({ uid }) => own === undefined || uid === own || uid === 0)
}

function notFound(cwd: string): Problem {
  return {
    code: 'CONFIG_NOT_FOUND',
    summary: `There is no tunnels.yaml or tunnels.yml in ${cwd} or in a folder above it`,
    hint: "`tunnels init` writes one, `tunnels import --write 'ssh -L …'` one from what you type so far, -f names one",
  }
}
