// Says "look again" when one of the files may have changed; what changed is not its business. Watches folders,
// not files, because editors rename over a file and Kubernetes swaps a link beside it (chokidar's only importer).

import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { watch } from 'chokidar'

/** Writers that write in several goes are waited for this long after their last one. */
const quietMs = 100

export interface FileWatch {
  readonly files: readonly string[]
  stop(): Promise<void>
}

/** `files` are absolute; those that do not exist yet are watched for, too. Resolves when changes are seen. */
export async function watchFiles(files: readonly string[], onChange: () => void): Promise<FileWatch> {
  const paths = await withRealPaths(files)
  const folders = new Set([...paths].map((path) => dirname(path)))
  const names = new Set([...paths].map((path) => basename(path)))
  const matters = (path: string) =>
    folders.has(path) || names.has(basename(path)) || basename(path).startsWith('..')
  const watcher = watch([...folders], { depth: 0, ignoreInitial: true, ignored: (path) => !matters(path) })
  let timer: NodeJS.Timeout | undefined
  watcher.on('all', () => {
    clearTimeout(timer)
    timer = setTimeout(onChange, quietMs)
  })
  watcher.on('error', () => {})
  await new Promise<void>((resolve) => watcher.once('ready', resolve))
  return {
    files,
    async stop() {
      clearTimeout(timer)
      await watcher.close()
    },
  }
}

/** A file behind a link is watched at both ends. */
async function withRealPaths(files: readonly string[]): Promise<Set<string>> {
  const real = await Promise.all(files.map((file) => realpath(file).catch(() => file)))
  return new Set([...files, ...real])
}
