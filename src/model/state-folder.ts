// What is said when a project's state folder (log, remembered ports) cannot be made or written, whoever meets it.

import type { Problem } from './problem.ts'

/** `path`: the file that was to be written. `error`: of node:fs. */
export function unwritableState(what: string, path: string, error: unknown): Problem {
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  return {
    code: 'STATE_UNWRITABLE',
    summary: `${what}: ${path} cannot be written (${reasons[code] ?? code})`,
    hint: 'Set TUNNELS_STATE_DIR to a folder of your own',
  }
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'EACCES: this user may not write there',
  EPERM: 'EPERM: this user may not write there',
  EROFS: 'EROFS: the disk is read-only',
  ENOSPC: 'ENOSPC: the disk is full',
  EDQUOT: 'EDQUOT: the quota is used up',
  EEXIST: 'EEXIST: a file is where a folder should be',
  ENOTDIR: 'ENOTDIR: a file is where a folder should be',
}
