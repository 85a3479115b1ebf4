// Which entries of which folders decide what a path leads to: its own, and that of each link on the way. Whoever
// swaps one of them (an editor, Kubernetes' `..data`, `ln -sfn releases/42 current`) changes what is read.

import { lstat, readlink } from 'node:fs/promises'
import { dirname, join, parse, resolve, sep } from 'node:path'

/** As many as Linux follows (path_resolution(7)). */
const MAX_LINKS = 40

/** Real paths. Where the way ends because nothing is there, the last one is the entry that is missing. Never rejects. */
export async function entriesOf(path: string): Promise<string[]> {
  const entries: string[] = []
  let links = 0
  await walk(resolve(path))
  return entries

  /** The real path of what `to` leads to; null where it leads to nothing. */
  async function walk(to: string): Promise<string | null> {
    const { root } = parse(to)
    const names = to.slice(root.length).split(sep).filter(Boolean)
    let at = root
    for (const [index, name] of names.entries()) {
      const entry = join(at, name)
      const stats = await lstat(entry).catch(() => null)
      const isLink = stats?.isSymbolicLink() === true
      if (!stats || isLink || index === names.length - 1) entries.push(entry)
      if (!stats) return null
      const next = isLink ? await follow(entry) : entry
      if (next === null) return null
      at = next
    }
    return at
  }

  async function follow(link: string): Promise<string | null> {
    if (++links > MAX_LINKS) return null
    const target = await readlink(link).catch(() => null)
    return target === null ? null : walk(resolve(dirname(link), target))
  }
}
