// The hosts that the user's own ssh configuration has by name, read as text: nothing in it is run, and what each of them
// comes to is for ssh to say.

import { join, resolve } from 'node:path'
import { readBounded } from '../files/bounded-read.ts'
import { findByPattern, isReadablePattern } from './ssh-config-glob.ts'
import { splitLine, splitWords } from './ssh-config-line.ts'

const MOST_BYTES = 256 * 1024
const MOST_FILES = 64

/** Names without a pattern, in the order in which they stand there. What cannot be read has none. Never rejects. */
export async function listSshHosts(home: string): Promise<string[]> {
  const names = new Set<string>()
  const seen = new Set<string>()
  const folder = join(home, '.ssh')
  const add = async (path: string): Promise<void> => {
    if (seen.has(path) || seen.size >= MOST_FILES) return
    seen.add(path)
    const read = await readBounded(path, MOST_BYTES)
    if (read.kind !== 'read') return
    for (const line of read.bytes.toString('utf8').split('\n')) {
      const { keyword, rest } = splitLine(line)
      if (keyword === 'host') for (const name of splitWords(rest)) if (!/[*?!]/.test(name)) names.add(name)
      if (keyword === 'include')
        for (const pattern of splitWords(rest)) for (const file of await matching(pattern)) await add(file)
    }
  }
  const matching = async (pattern: string): Promise<string[]> => {
    if (!isReadablePattern(pattern)) return []
    return findByPattern(resolve(folder, pattern.replace(/^~(?=\/)/, home)))
  }
  await add(join(folder, 'config'))
  return [...names]
}
