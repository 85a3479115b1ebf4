// Who has a file open for writing, where the system tells: Linux shows the descriptors of this user's processes in
// /proc (proc(5)), and root those of all.

import { readdir, readFile, readlink, realpath } from 'node:fs/promises'

/** Null where that cannot be known: no /proc, or no such file. Processes of other users are not seen. Never rejects. */
export async function isOpenForWriting(file: string): Promise<boolean | null> {
  const path = await realpath(file).catch(() => null)
  const entries = await readdir('/proc').catch(() => [])
  const pids = entries.filter((entry) => /^\d+$/.test(entry))
  if (path === null || pids.length === 0) return null
  for (const pid of pids) if (await hasOpen(pid, path)) return true
  return false
}

async function hasOpen(pid: string, path: string): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => [])
  const found = await Promise.all(descriptors.map((descriptor) => isWriter(pid, descriptor, path)))
  return found.includes(true)
}

async function isWriter(pid: string, descriptor: string, path: string): Promise<boolean> {
  const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '')
  if (target !== path) return false
  const info = await readFile(`/proc/${pid}/fdinfo/${descriptor}`, 'utf8').catch(() => '')
  const [, flags = '0'] = /^flags:\s*([0-7]+)$/m.exec(info) ?? []
  return (Number.parseInt(flags, 8) & O_ACCMODE) !== 0
}

/** open(2): O_WRONLY is 1, O_RDWR is 2. */
const O_ACCMODE = 3
