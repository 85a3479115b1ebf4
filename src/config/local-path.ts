// Paths as the file writes them. Those on this machine may be relative to the first file's folder or begin with
// `~`; those on the far side are absolute, because nothing here knows what they would be relative to.

import { join, resolve } from 'node:path'
import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

/** What paths on this machine are relative to; both absolute. */
export interface Base {
  folder: string
  home: string
}

/** sun_path of unix(7) and unix(4), less the final NUL: Node cuts a longer path in silence. */
const LONGEST_HERE = process.platform === 'darwin' ? 103 : 107
const LONGEST_THERE = 107

/** An absolute path. `%d` is the home folder, as in ssh_config(5) "TOKENS"; the other tokens are refused. */
export function parseFile(value: Plain, base: Base): Parsed<string> {
  const text = String(value).replace(/^%d(?=\/)/, '~')
  if (text === '') return refused('must be a path, not empty')
  if (/\p{Cc}/u.test(text)) return refused('must be a path without control characters')
  if (/^~[^/]/.test(text)) return refused('must be a path: only ~ itself, your home folder, is understood')
  if (/%[^%]|%$/.test(text.replaceAll('%%', ''))) {
    return refused('must be a path without % tokens', 'Write the path out; %% stands for a percent sign')
  }
  return parsed(expandPath(text.replaceAll('%%', '%'), base))
}

export function parseFiles(value: Plain, base: Base): Parsed<string[]> {
  const files: string[] = []
  for (const [item, text] of (Array.isArray(value) ? value : [value]).entries()) {
    const file = text === 'none' ? parsed('none') : parseFile(text, base)
    if (!file.ok) return Array.isArray(value) ? { ...file, item } : file
    files.push(file.value)
  }
  return parsed(files)
}

/** The path of a Unix socket: on this machine (`here`), or where the host sees it (`there`). */
export function parseSocketPath(text: string, end: 'here' | 'there', base: Base): Parsed<string> {
  if (/\p{Cc}/u.test(text)) return refused('must be a path without control characters')
  if (text.endsWith('/')) return refused('must be the path of a socket, not of a folder')
  if (end === 'there' && !text.startsWith('/')) {
    return refused('must be an absolute path: it is on the host, where ~ and relative paths are not known')
  }
  if (/^~[^/]/.test(text)) return refused('must be a path: only ~ itself, your home folder, is understood')
  const path = end === 'here' ? expandPath(text, base) : text
  const longest = end === 'here' ? LONGEST_HERE : LONGEST_THERE
  const length = Buffer.byteLength(path)
  return length > longest
    ? refused(`must be a shorter path: a Unix socket's has at most ${longest} bytes, this one ${length}`)
    : parsed(path)
}

function expandPath(text: string, base: Base): string {
  return text === '~' || text.startsWith('~/') ? join(base.home, text.slice(1)) : resolve(base.folder, text)
}
