// Which variables the user's own ssh configuration mentions as `${NAME}`: a supervisor in the background has to be handed
// them. Whether a line counts for a host is for ssh to say; here one name too many does no harm.

import { readdir } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { readBounded } from '../files/bounded-read.ts'

const MOST_BYTES = 256 * 1024
const MOST_FILES = 64

/** `files`: further ones that ssh is to read. What cannot be read mentions nothing. Never rejects. */
export async function sshConfigVariables(home: string, files: readonly string[]): Promise<string[]> {
  const folder = join(home, '.ssh')
  const names = new Set<string>()
  const seen = new Set<string>()
  for (const queue = [join(folder, 'config'), ...files]; queue.length > 0 && seen.size < MOST_FILES; ) {
    const file = queue.shift()!
    if (seen.has(file)) continue
    seen.add(file)
    const read = await readBounded(file, MOST_BYTES)
    const text = read.kind === 'read' ? read.bytes.toString('utf8') : ''
    for (const [, name] of text.matchAll(/\$\{([A-Za-z_]\w*)\}/g)) names.add(name!)
    for (const pattern of includesIn(text, home)) queue.push(...(await matching(resolve(folder, pattern))))
  }
  return [...names]
}

/** Relative ones are below ~/.ssh (ssh_config(5), Include). */
function includesIn(text: string, home: string): string[] {
  const lines = [...text.matchAll(/^[ \t]*include[ \t]*[= \t][ \t]*(.+)$/gim)]
  const words = lines.flatMap(([, rest]) => rest!.match(/"[^"]*"|\S+/g) ?? [])
  return words.map((word) => word.replaceAll('"', '').replace(/^~(?=\/)/, home))
}

/** Wildcards are understood in the last part, where people have them. */
async function matching(pattern: string): Promise<string[]> {
  const name = basename(pattern)
  if (!/[*?]/.test(name)) return [pattern]
  const entries = await readdir(dirname(pattern)).catch(() => [])
  const source = name
    .replaceAll(/[.+^${}()|[\]\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.')
  return entries
    .filter((entry) => new RegExp(`^${source}$`).test(entry))
    .map((entry) => join(dirname(pattern), entry))
}
