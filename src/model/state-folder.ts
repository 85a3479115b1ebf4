// What is said when a folder of ours (log and remembered ports, control socket) cannot be made or written, whoever
// meets it.

import type { Problem } from './problem.ts'

/** `path`: the file that was to be written. `error`: of node:fs. */
export function unwritableState(what: string, path: string, error: unknown): Problem {
  return {
    code: 'STATE_UNWRITABLE',
    summary: `${what}: ${path} cannot be written (${reasonOf(error)})`,
    hint: 'Set TUNNELS_STATE_DIR to a folder of your own',
  }
}

/** Of the folder for control sockets. */
export function unwritableRuntime(path: string, error: unknown): Problem {
  return {
    code: 'STATE_UNWRITABLE',
    summary: `The folder for the control socket ${path} cannot be written (${reasonOf(error)})`,
    hint: 'Make room there, or set TUNNELS_RUNTIME_DIR to another folder of your own',
  }
}

/** The code, and where it is known what it means. */
export function reasonOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException).code ?? String(error)
  return reasons[code] ?? code
}

const reasons: Readonly<Record<string, string>> = {
  EACCES: 'EACCES: this user may not write there',
  EPERM: 'EPERM: this user may not write there',
  EROFS: 'EROFS: the disk is read-only',
  ENOSPC: 'ENOSPC: the disk is full',
  EDQUOT: 'EDQUOT: the quota is used up',
  EFBIG: 'EFBIG: a file may not be that large',
  EMFILE: 'EMFILE: too many files are open',
  ENFILE: 'ENFILE: too many files are open',
  EEXIST: 'EEXIST: a file is where a folder should be',
  ENOTDIR: 'ENOTDIR: a file is where a folder should be',
}
