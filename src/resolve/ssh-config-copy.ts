// Gives ssh the very text of an ssh_config file, and of all that it includes, that somebody has agreed to: a copy in a
// folder that is ours alone, because what stands under its path may be another file a moment later.

import { rmSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { atProcessEnd } from './at-process-end.ts'
import type { ConfigText, SshConfigContent } from './ssh-config-content.ts'

export interface SshConfigCopy {
  /** For `ssh -F`. */
  path: string
  /** What ssh says, with the files as they are called. */
  rename(said: string): string
}

/** The copy is gone when `use` has ended, or this process. */
export async function withCopy<T>(
  { files }: SshConfigContent,
  use: (copy: SshConfigCopy) => Promise<T>,
): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), 'tunnels-ssh-config-'))
  const stop = atProcessEnd(() => rmSync(folder, { recursive: true, force: true }))
  try {
    const names = new Map([...files.keys()].map((path, index) => [path, join(folder, String(index))]))
    for (const [path, text] of files) {
      if (text) await writeFile(names.get(path)!, copyOf(text, names, files), { mode: 0o600, flag: 'wx' })
    }
    const [[, first] = []] = names
    return await use({ path: first!, rename: (said) => withNames(said, names) })
  } finally {
    await rm(folder, { recursive: true, force: true })
    stop()
  }
}

/** Line by line, so that what ssh complains of is where it says. */
function copyOf(
  { lines, includes }: ConfigText,
  names: ReadonlyMap<string, string>,
  files: SshConfigContent['files'],
): string {
  const copied = lines.map((line, index) => {
    const included = includes.get(index)
    if (!included) return line
    const present = included.filter((path) => files.get(path))
    return present.length === 0 ? '' : `Include ${present.map((path) => `"${names.get(path)}"`).join(' ')}`
  })
  return copied.join('\n')
}

/** The longest first: `/tmp/x/1` is the beginning of `/tmp/x/10`. */
function withNames(said: string, names: ReadonlyMap<string, string>): string {
  const all = [...names].sort(([, a], [, b]) => b.length - a.length)
  return all.reduce((text, [path, copy]) => text.replaceAll(copy, () => path), said)
}
