// Writes a file of the project so that nobody ever sees half of it: beside it, and then in its place. Its permissions stay,
// and a link stays a link. Never over what somebody else has written meanwhile.

import { randomUUID } from 'node:crypto'
import { constants, type Stats } from 'node:fs'
import { chown, copyFile, link, lstat, open, readFile, realpath, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { ProblemError } from '../model/problem.ts'

/** `changed`: it is not what it was, and nothing was written. */
export type Replaced = 'written' | 'changed'

/** Bytes of a file as they were when they were read; null: it was not there. */
export type Before = Buffer | null

/** Rejects with a ProblemError where it cannot be written. */
export async function replaceFile(path: string, text: string, before: Before): Promise<Replaced> {
  try {
    return await replace(path, text, before)
  } catch (error) {
    if (error instanceof ProblemError) throw error
    throw unwritable(path, reasonOf(error as NodeJS.ErrnoException))
  }
}

async function replace(path: string, text: string, before: Before): Promise<Replaced> {
  const stats = await lstat(path).catch(() => null)
  if (before === null && stats) return 'changed'
  const real = before === null ? join(await realpath(dirname(path)), basename(path)) : await realpath(path)
  const target = before === null ? null : await stat(real)
  // A rename would go through all the same: whoever took the right away meant it.
  if (target && (target.mode & 0o222) === 0) throw unwritable(path, 'it is read-only')
  const beside = join(dirname(real), `.${basename(real)}.${randomUUID().slice(0, 8)}.tmp`)
  try {
    await writeBeside(beside, text, target)
    if (before === null) return await putNew(beside, real)
    if (!(await readFile(real)).equals(before)) return 'changed'
    await rename(beside, real)
    return 'written'
  } finally {
    await rm(beside, { force: true })
  }
}

async function writeBeside(path: string, text: string, like: Stats | null): Promise<void> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL
  const file = await open(path, flags, like ? 0o600 : 0o666)
  try {
    await file.writeFile(text)
    if (like) await file.chmod(like.mode & 0o7777)
    await file.sync()
  } finally {
    await file.close()
  }
  // Only root can give a file away; where it is not ours to keep, it is ours.
  if (like) await chown(path, like.uid, like.gid).catch(() => {})
}

/** link(2) fails where a rename would put it over one that has come meanwhile. Some file systems have none. */
async function putNew(beside: string, path: string): Promise<Replaced> {
  const isThere = ({ code }: NodeJS.ErrnoException) => code === 'EEXIST'
  try {
    await link(beside, path)
  } catch (error) {
    if (isThere(error as NodeJS.ErrnoException)) return 'changed'
    await copyFile(beside, path, constants.COPYFILE_EXCL)
  }
  return 'written'
}

function unwritable(path: string, why: string): ProblemError {
  return new ProblemError({ code: 'CONFIG_UNREADABLE', summary: `${path} cannot be written: ${why}` })
}

function reasonOf({ code }: NodeJS.ErrnoException): string {
  const reasons: Readonly<Record<string, string>> = {
    EACCES: 'its folder may not be written to by this user',
    EPERM: 'its folder may not be written to by this user',
    EROFS: 'its file system is read-only',
    ENOSPC: 'the disk is full',
    ENOENT: 'its folder does not exist',
  }
  return reasons[code ?? ''] ?? String(code)
}
