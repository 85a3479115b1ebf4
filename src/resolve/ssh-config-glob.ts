// Files by a pattern of glob(7), exactly as ssh finds those of an Include (openbsd-compat/glob.c). What is found is what
// ssh gets to read, so nothing may be missing, and nothing may be more.

import { readdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'

/** Not what each glob reads in its own way and nobody needs: a backslash, `[[:alpha:]]`, a slash in brackets, `[z-a]`. */
export function isReadablePattern(pattern: string): boolean {
  if (/\\|\[[:.=]|\[!?\]?[^\]]*\//.test(pattern)) return false
  try {
    for (const name of pattern.split('/')) toRegExp(name)
    return true
  } catch {
    return false
  }
}

/** Sorted. A path without a pattern is found whether it is there or not. */
export async function findByPattern(pattern: string): Promise<string[]> {
  if (!/[*?[]/.test(pattern)) return [pattern]
  const folders = await findByPattern(dirname(pattern))
  const name = pattern.slice(pattern.lastIndexOf('/') + 1)
  const matches = toRegExp(name)
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(folder).catch(() => [])
      return entries.filter((entry) => isMeant(entry, name, matches)).map((entry) => join(folder, entry))
    }),
  )
  return found.flat().sort()
}

/** A dot at the beginning has to be written. */
function isMeant(entry: string, name: string, matches: RegExp): boolean {
  return matches.test(entry) && (!entry.startsWith('.') || name.startsWith('.'))
}

/** A bracket that nothing closes is one; the first `]` within is no end. */
function toRegExp(name: string): RegExp {
  const source = name.replace(
    /\[(!?)(\][^\]]*|[^\]!][^\]]*)\]|[*?]|[^\w]/gu,
    (part, not?: string, within?: string) => {
      if (within !== undefined) return `[${not ? '^' : ''}${within.replace(/[\]^[]/g, '\\$&')}]`
      if (part === '*') return '.*'
      return part === '?' ? '.' : `\\u{${part.codePointAt(0)!.toString(16)}}`
    },
  )
  return new RegExp(`^${source}$`, 'su')
}
