// `name`: the project's label, as Compose's project names.

import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

export function parseProjectName(value: Plain): Parsed<string> {
  return /^[a-z0-9][a-z0-9_-]{0,63}$/.test(String(value))
    ? parsed(String(value))
    : refused('must be small letters, digits, _ and -, beginning with a letter or a digit, at most 64')
}

/** What is left of a folder's name when only what a project's name may have is kept. */
export function normalizeName(folderName: string): string {
  const name = folderName
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '')
    .slice(0, 64)
  return name || 'project'
}
