// What stands in an ssh_config(5) file and in the files that it includes, read as text and never given to ssh: its
// `Match exec` would run. For whoever has to agree to it before ssh may see it.

import { createHash } from 'node:crypto'
import { readdir, stat } from 'node:fs/promises'
import { userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { readSource } from '../config/read.ts'
import { ProblemError } from '../model/problem.ts'
import { splitLine, splitWords } from './ssh-config-line.ts'

export interface SshConfigContent {
  /** SHA-256 of all of it. */
  hash: string
  /** The lines that run something or bring in more files, as written. */
  telling: string[]
}

/** readconf.c: READCONF_MAX_DEPTH. */
const MAX_DEPTH = 16
const MAX_FILES = 256

interface Reading {
  hash: ReturnType<typeof createHash>
  telling: string[]
  files: Set<string>
}

/** A file that is missing counts as such. Rejects with a ProblemError for one that cannot be read whole. */
export async function readSshConfigContent(path: string): Promise<SshConfigContent> {
  const reading: Reading = { hash: createHash('sha256'), telling: [], files: new Set() }
  await add(reading, path, 0)
  return { hash: reading.hash.digest('hex'), telling: reading.telling }
}

async function add(reading: Reading, path: string, depth: number): Promise<void> {
  if (reading.files.has(path)) return
  reading.files.add(path)
  if (depth > MAX_DEPTH || reading.files.size > MAX_FILES) throw refused(path, 'includes too many files')
  const text = await readText(path)
  reading.hash.update(JSON.stringify([path, text]))
  for (const line of (text ?? '').split('\n')) {
    const { keyword, rest } = splitLine(line)
    if (isTelling(keyword, rest)) reading.telling.push(line.trim())
    if (keyword !== 'include') continue
    for (const file of await included(path, rest)) await add(reading, file, depth + 1)
  }
}

/** The one place that reads. Null: not there. */
async function readText(path: string): Promise<string | null> {
  const stats = await stat(path).catch(() => null)
  if (!stats) return null
  // Opening a pipe or a terminal would wait.
  if (!stats.isFile()) throw refused(path, 'is not a file')
  const { value, problems } = await readSource(path)
  if (!value) throw new ProblemError(problems)
  return value.text
}

const RUNNING =
  /^(proxycommand|localcommand|permitlocalcommand|knownhostscommand|pkcs11provider|securitykeyprovider|proxyusefdpass|xauthlocation|include)$/

function isTelling(keyword: string, rest: string): boolean {
  return RUNNING.test(keyword) || (keyword === 'match' && /exec/i.test(rest))
}

/** Include of ssh_config(5): patterns of glob(7); relative ones are below ~/.ssh, whatever file they stand in. */
async function included(from: string, rest: string): Promise<string[]> {
  const patterns = splitWords(rest)
  // Newer versions of ssh fill these in, and what they would be is not for this file to say.
  if (patterns.some((pattern) => /[%$]/.test(pattern)))
    throw refused(from, 'includes a file that a variable names')
  const files = await Promise.all(patterns.map((pattern) => glob(absolute(pattern))))
  return files.flat()
}

function absolute(pattern: string): string {
  // The password database, not $HOME, as ssh does.
  const { homedir } = userInfo()
  if (pattern.startsWith('~/')) return join(homedir, pattern.slice(2))
  return pattern.startsWith('/') ? pattern : join(homedir, '.ssh', pattern)
}

/** At least what glob(7) finds; more for brackets and backslashes, which only means that more is agreed to. */
async function glob(pattern: string): Promise<string[]> {
  if (!/[*?[\\]/.test(pattern)) return [pattern]
  const folders = await glob(dirname(pattern))
  const name = toRegExp(pattern.slice(pattern.lastIndexOf('/') + 1))
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder).catch(() => [])
      return entries.filter((entry) => name.test(entry)).map((entry) => join(folder, entry))
    }),
  )
  return found.flat().sort()
}

function toRegExp(pattern: string): RegExp {
  const source = pattern.replace(/\[.+?\]|\\.|[*?]|[^\w]/g, (part) => {
    if (part === '*') return '.*'
    return part === '?' || part.length > 1 ? '.' : `\\${part}`
  })
  return new RegExp(`^${source}$`, 's')
}

function refused(path: string, why: string): ProblemError {
  return new ProblemError({
    code: 'CONFIG_UNREADABLE',
    summary: `${path} ${why}, so that nobody can agree to what it does`,
  })
}
