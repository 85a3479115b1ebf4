// Which parts of a project somebody has to agree to for what is selected of it, each with a hash of exactly that
// part, the content of an ssh_config file included. Who is asked, and what is remembered, is decided elsewhere.

import { createHash } from 'node:crypto'
import type { Project } from '../model/project.ts'
import type { TrustItem, TrustPart } from '../model/trust.ts'
import { readSshConfigContent, type SshConfigContent } from './ssh-config-content.ts'

type WithTrust = Pick<Project, 'hosts' | 'forwards' | 'trust'>

/** Pure. `hosts`: those in use. */
export function partsInUse(
  project: WithTrust,
  selected: ReadonlySet<string>,
  hosts: ReadonlySet<string>,
): TrustPart[] {
  return project.trust.filter(({ owner: { what, name } }) => (what === 'host' ? hosts : selected).has(name))
}

export interface TrustRead {
  items: TrustItem[]
  /** By path, what the items' hashes were made of. */
  contents: ReadonlyMap<string, SshConfigContent>
}

/** `home`: see readSshConfigContent. Rejects with a ProblemError where a file that belongs to a part cannot be read whole. */
export async function readTrustItems(parts: readonly TrustPart[], home: string): Promise<TrustRead> {
  const files = [...new Set(parts.flatMap(({ file }) => file ?? []))]
  const contents = new Map(
    await Promise.all(files.map(async (file) => [file, await readSshConfigContent(file, home)] as const)),
  )
  const items = parts.map(({ file, ...part }) => {
    const content = file === undefined ? undefined : contents.get(file)
    const hash = hashOf([part.kind, part.path, part.text, ...(content ? [content.hash] : [])])
    if (!content) return { ...part, hash }
    const telling = content.telling.length > 0 ? `, which has: ${content.telling.join(' · ')}` : ''
    return { ...part, text: `${part.text}${telling}`, hash }
  })
  return { items, contents }
}

function hashOf(parts: string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('base64url')
}
