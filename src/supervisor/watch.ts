// Says "look again" when one of the files may have changed; what changed is not its business. Watches folders,
// not files, because editors rename over a file and Kubernetes swaps a link beside it (chokidar's only importer).

import { realpath } from 'node:fs/promises'
import { basename, dirname } from 'node:path'
import { watch } from 'chokidar'
import { createCompletionCheck } from './half-written.ts'

/** Writers that write in several goes are waited for this long after their last one. */
const quietMs = 100
/** And this long when a file looks as if more were to come. */
const unfinishedMs = 1_000

export interface FileWatch {
  readonly files: readonly string[]
  stop(): Promise<void>
}

/** `files` are absolute; those that do not exist yet are watched for, too. Resolves when changes are seen. */
export async function watchFiles(files: readonly string[], onChange: () => void): Promise<FileWatch> {
  let places = await placesOf(files)
  const areComplete = createCompletionCheck(files)
  await areComplete()
  let timer: NodeJS.Timeout | undefined
  const wait = (delayMs: number, then: () => void) => {
    clearTimeout(timer)
    timer = setTimeout(then, delayMs)
  }
  // A link is told when it leads elsewhere, which is lost when what it leads to is watched in its place.
  const watcher = watch([...places.folders], {
    depth: 0,
    ignoreInitial: true,
    followSymlinks: false,
    ignored: (path) => !matters(path, places),
  })
  const look = async () => {
    const waiting = timer
    const [isComplete, now] = await Promise.all([areComplete(), placesOf(files)])
    if (timer !== waiting || watcher.closed) return
    places = now
    watcher.add([...now.folders])
    if (isComplete) onChange()
    else wait(unfinishedMs, onChange)
  }
  watcher.on('all', () => wait(quietMs, () => void look()))
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

interface Places {
  folders: ReadonlySet<string>
  names: ReadonlySet<string>
}

/** A file behind a link is watched at both ends. */
async function placesOf(files: readonly string[]): Promise<Places> {
  const real = await Promise.all(files.map(realPathOf))
  const folders = await Promise.all(files.map((file) => realPathOf(dirname(file))))
  return {
    folders: new Set([...folders, ...real.map((file) => dirname(file))]),
    names: new Set([...files, ...real].map((file) => basename(file))),
  }
}

function realPathOf(path: string): Promise<string> {
  return realpath(path).catch(() => path)
}

/** Kubernetes names the link that it swaps `..data`. */
function matters(path: string, { folders, names }: Places): boolean {
  return folders.has(path) || names.has(basename(path)) || basename(path).startsWith('..')
}
