// The files that decide what runs, and those that decide whether its hosts can be reached: followed from each run to the
// next, because every run may have read others.

import { dirname, join } from 'node:path'
import type { Selection } from '../control/protocol.ts'
import { foundLater } from './found-files.ts'
import type { Looks } from './half-written.ts'
import { HostFiles, type Hosts } from './host-files.ts'
import { type FileWatch, watchFiles } from './watch.ts'

export class FollowedFiles {
  readonly #onChange: () => void
  readonly #hostFiles: HostFiles
  #watch: FileWatch | null = null
  #isStopped = false

  /** `onChange`: one of those that decide what runs is another one. */
  constructor(hosts: Hosts, onChange: () => void) {
    this.#hostFiles = new HostFiles(hosts)
    this.#onChange = onChange
  }

  /** `seen`: how the files were before they were read. */
  async follow(selection: Selection, sshConfigFiles: readonly string[], seen: Looks): Promise<void> {
    if (this.#isStopped) return
    await this.#hostFiles.follow()
    const files = [...new Set([...filesOf(selection), ...sshConfigFiles])]
    if (this.#watch && files.join('\0') === this.#watch.files.join('\0')) return
    await this.#watch?.stop()
    this.#watch = await watchFiles(files, this.#onChange, { seen })
    if (this.#isStopped) void this.#watch.stop()
  }

  /** To be called when some host is in another state. */
  hostsChanged(): void {
    this.#hostFiles.look()
  }

  /** Not to be waited for: a disk may hang. */
  stop(): void {
    this.#isStopped = true
    void this.#watch?.stop()
    void this.#hostFiles.stop()
  }
}

/** Those of a selection that are followed. Standard input was read once. */
export function filesOf(selection: Selection): string[] {
  const { files, envFile } = selection
  const first = files[0] ?? '-'
  const folder = first === '-' ? process.cwd() : dirname(first)
  const named = files.filter((file) => file !== '-')
  return [...new Set([...named, ...foundLater(selection), envFile ?? join(folder, '.env')])]
}
