// What somebody has agreed to, remembered for each project in its state folder: hashes, and where each part stood;
// never the part itself, which may hold a secret. Owns that file.

import { randomUUID } from 'node:crypto'
import { constants } from 'node:fs'
import { readdir, rename, rm, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openWithoutWaiting } from '../files/bounded-read.ts'
import { makeFolder } from '../files/make-folder.ts'
import { ProblemError } from '../model/problem.ts'
import { unwritableState } from '../model/state-folder.ts'
import type { TrustedPart, TrustItem, TrustRecord } from '../model/trust.ts'

/** What a file of 256 KiB can have, several times; beyond it the oldest are asked about again. */
const MAX_PARTS = 20_000
const MAX_BYTES = 8 * 1024 * 1024

/** Null where nothing is remembered, and for a file that others could have written: it is believed by nobody. */
export async function readTrust(stateDir: string): Promise<TrustRecord | null> {
  try {
    const text = await readOwn(fileOf(stateDir))
    return text === null ? null : toRecord(JSON.parse(text))
  } catch {
    return null
  }
}

/** Adds these to what is remembered. Rejects with a ProblemError (STATE_UNWRITABLE). */
export async function rememberTrust(
  stateDir: string,
  identity: Omit<TrustRecord, 'trusted'>,
  items: readonly TrustItem[],
): Promise<void> {
  const since = new Date().toISOString()
  const known = (await readTrust(stateDir))?.trusted ?? []
  const parts = new Map(known.map((part) => [part.hash, part]))
  for (const { hash, kind, path } of items) if (!parts.has(hash)) parts.set(hash, { hash, kind, path, since })
  if (parts.size === known.length) return
  const { folder, file, projectName } = identity
  const record: TrustRecord = { folder, file, projectName, trusted: [...parts.values()].slice(-MAX_PARTS) }
  await write(fileOf(stateDir), `${JSON.stringify(record, null, 2)}\n`)
}

/** True where there was something to forget. Rejects with a ProblemError (STATE_UNWRITABLE). */
export async function forgetTrust(stateDir: string): Promise<boolean> {
  const path = fileOf(stateDir)
  try {
    await rm(path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw new ProblemError(unwritableState('What is trusted cannot be forgotten', path, error))
  }
}

/** Of every project, by folder. `stateHome`: the folder that holds the projects' state folders. */
export async function listTrust(stateHome: string): Promise<TrustRecord[]> {
  const names = await readdir(stateHome).catch(() => [])
  const records = await Promise.all(names.map((name) => readTrust(join(stateHome, name))))
  return records
    .filter((record) => record !== null)
    .sort((a, b) => (join(a.folder, a.file) < join(b.folder, b.file) ? -1 : 1))
}

function fileOf(stateDir: string): string {
  return join(stateDir, 'trust.json')
}

/** Null for a file that is not ours alone to write, or too big to be ours. */
async function readOwn(path: string): Promise<string | null> {
  const handle = await openWithoutWaiting(path, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const stats = await handle.stat()
    const isOurs = process.getuid === undefined || stats.uid === process.getuid()
    if (!stats.isFile() || !isOurs || (stats.mode & 0o022) !== 0 || stats.size > MAX_BYTES) return null
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

function toRecord(value: unknown): TrustRecord | null {
  const record = value as TrustRecord
  const isText = (text: unknown) => typeof text === 'string'
  const isPart = (part: TrustedPart) => [part?.hash, part?.kind, part?.path, part?.since].every(isText)
  if (!isText(record?.folder) || !isText(record.file) || !Array.isArray(record.trusted)) return null
  return { ...record, trusted: record.trusted.filter(isPart) }
}

async function write(path: string, text: string): Promise<void> {
  const fresh = `${path}.${randomUUID()}`
  try {
    await makeFolder(dirname(path))
    await writeFile(fresh, text, { mode: 0o600, flag: 'wx' })
    await rename(fresh, path)
  } catch (error) {
    await rm(fresh, { force: true }).catch(() => {})
    throw new ProblemError(unwritableState('What is trusted cannot be remembered', path, error))
  }
}
