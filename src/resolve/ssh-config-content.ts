// What stands in an ssh_config(5) file and in the files that it includes, read as text and never given to ssh: its
// `Match exec` would run. For whoever has to agree to it before ssh may see it; ssh-config-copy.ts then gives ssh this
// very text, and not what stands there by then.

import { createHash } from 'node:crypto'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { readSource } from '../config/read.ts'
import { ProblemError } from '../model/problem.ts'
import { findByPattern, isReadablePattern } from './ssh-config-glob.ts'
import { splitLine, splitWords } from './ssh-config-line.ts'

export interface SshConfigContent {
  path: string
  /** SHA-256 of all of it. */
  hash: string
  /** The lines that run something, decide what is believed or logged in with, or bring in more files, as written. */
  telling: string[]
  /** By path, `path` itself first; null: not there. */
  files: ReadonlyMap<string, ConfigText | null>
  /** Those in which an Include looks for files by a pattern. */
  folders: string[]
}

/** `includes`: by the number of the line, from 0, the files that an Include there means. */
export interface ConfigText {
  lines: string[]
  includes: ReadonlyMap<number, string[]>
}

/** readconf.c: READCONF_MAX_DEPTH. */
const MAX_DEPTH = 16
const MAX_FILES = 256

interface Reading {
  home: string
  hash: ReturnType<typeof createHash>
  telling: string[]
  files: Map<string, ConfigText | null>
  folders: Set<string>
}

/**
 * `home`: that of the environment which ssh gets; its glob(3) looks there for `~`. A file that is missing counts as such.
 * Rejects with a ProblemError for one that cannot be read whole.
 */
export async function readSshConfigContent(path: string, home: string): Promise<SshConfigContent> {
  const hash = createHash('sha256')
  const reading: Reading = { home, hash, telling: [], files: new Map(), folders: new Set() }
  await add(reading, path, 0)
  const { telling, files, folders } = reading
  return { path, hash: hash.digest('hex'), telling, files, folders: [...folders] }
}

async function add(reading: Reading, path: string, depth: number): Promise<void> {
  if (reading.files.has(path)) return
  const text = await readText(path)
  const lines = text?.split('\n') ?? []
  const includes = new Map<number, string[]>()
  reading.files.set(path, text === null ? null : { lines, includes })
  if (depth > MAX_DEPTH || reading.files.size > MAX_FILES) throw refused(path, 'includes too many files')
  reading.hash.update(JSON.stringify([path, text]))
  for (const [index, line] of lines.entries()) {
    const { keyword, rest } = splitLine(line)
    if (isTelling(keyword, rest)) reading.telling.push(line.trim())
    if (keyword !== 'include') continue
    const files = await included(reading, path, rest)
    // One without words is ssh's to complain of.
    if (splitWords(rest).length > 0) includes.set(index, files)
    for (const file of files) await add(reading, file, depth + 1)
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
  /^(proxycommand|localcommand|permitlocalcommand|knownhostscommand|pkcs11provider|smartcarddevice|securitykeyprovider|proxyusefdpass|xauthlocation|include)$/

/** What in tunnels.yaml itself would have to be agreed to. */
const DECIDING =
  /^(stricthostkeychecking|(user|global)knownhostsfile2?|hostkeyalias|revokedhostkeys|identityagent)$/

function isTelling(keyword: string, rest: string): boolean {
  if (RUNNING.test(keyword) || DECIDING.test(keyword)) return true
  // Quotes may stand in the middle of a word (strdelim() of OpenSSH's misc.c).
  return keyword === 'match' && /exec/i.test(rest.replaceAll('"', ''))
}

/** Include of ssh_config(5): patterns of glob(7); relative ones are below ~/.ssh, whatever file they stand in. */
async function included(reading: Reading, from: string, rest: string): Promise<string[]> {
  const patterns = splitWords(rest)
  // Newer versions of ssh fill these in, and what they would be is not for this file to say.
  if (patterns.some((pattern) => /[%$]/.test(pattern)))
    throw refused(from, 'includes a file that a variable names')
  if (patterns.some((pattern) => /^~[^/]/.test(pattern)))
    throw refused(from, "includes a file of another user's home folder")
  if (!patterns.every(isReadablePattern))
    throw refused(from, 'includes files by a pattern too odd to be read')
  const absolute = patterns.map((pattern) => toAbsolute(pattern, reading.home))
  for (const pattern of absolute) reading.folders.add(dirname(pattern))
  const found = await Promise.all(absolute.map(findByPattern))
  return found.flat()
}

function toAbsolute(pattern: string, home: string): string {
  if (pattern.startsWith('~')) return join(home, pattern.slice(1))
  return pattern.startsWith('/') ? pattern : join(home, '.ssh', pattern)
}

function refused(path: string, why: string): ProblemError {
  return new ProblemError({
    code: 'CONFIG_UNREADABLE',
    summary: `${path} ${why}, so that nobody can agree to what it does`,
  })
}
