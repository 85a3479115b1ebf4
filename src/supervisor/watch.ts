// Says "look again" when one of the files may have changed; what changed in it is not its business. Watches folders,
// not files, because editors rename over a file and Kubernetes swaps a link beside it (chokidar's only importer).
// Not every change is told by every system (network folders, exhausted inotify watches): a slow look goes beside it.

import { once } from 'node:events'
import { dirname } from 'node:path'
import { type FSWatcher, watch } from 'chokidar'
import { type Looks, lookAt, onlySmaller, seemsHalfWritten, signaturesOf } from './half-written.ts'
import { entriesOf } from './path-entries.ts'
import { isOpenForWriting } from './writers.ts'

/** Writers that write in several goes are waited for this long after their last one. */
const QUIET_MS = 100
/** And this long when a file looks as if more were to come. */
const UNFINISHED_MS = 700
/** But only this long when it is merely smaller than it was, and nobody has it open. */
const SMALLER_MS = 150
/** And never longer in all: somebody may write all the time. */
const LONGEST_MS = 3_000
const SLOW_LOOK_MS = 1_000
const READY_MS = 2_000
/** So that thousands of files cost no more than a few. */
const SLOW_LOOK_MS_A_FILE = 20

export interface FileWatch {
  readonly files: readonly string[]
  /** How they were when it last told of a change. */
  readonly seen: Looks
  stop(): Promise<void>
}

export interface WatchOptions {
  /** How the files were when they were read; what changed since is told at once. Absent: as they are now. */
  seen?: Looks
}

/**
 * `files` are absolute; those that do not exist yet are watched for, too. `onChange` is told which of them look
 * otherwise than the last time; there may be none. Resolves when changes are seen.
 */
export async function watchFiles(
  files: readonly string[],
  onChange: (changed: string[]) => void,
  { seen }: WatchOptions = {},
): Promise<FileWatch> {
  const watched = new WatchedFiles(files, onChange, new Map([...(await lookAt(files)), ...(seen ?? [])]))
  await watched.start()
  return watched
}

class WatchedFiles implements FileWatch {
  readonly files: readonly string[]
  readonly #onChange: (changed: string[]) => void
  #told: Looks
  #entries: ReadonlySet<string> = new Set()
  #folders: ReadonlySet<string> = new Set()
  #watcher: FSWatcher | null = null
  #waiting: NodeJS.Timeout | undefined
  /** When the change that we wait for the end of began; null: all is quiet. */
  #stirredAt: number | null = null
  #slowLook: NodeJS.Timeout | undefined
  #isStopped = false

  constructor(files: readonly string[], onChange: (changed: string[]) => void, told: Looks) {
    this.files = files
    this.#onChange = onChange
    this.#told = told
  }

  get seen(): Looks {
    return this.#told
  }

  async start(): Promise<void> {
    await this.#findEntries()
    this.#watcher = watch([...this.#folders], {
      depth: 0,
      ignoreInitial: true,
      // A link is told when it leads elsewhere, which is lost when what it leads to is watched in its place.
      followSymlinks: false,
      ignored: (path) => !this.#folders.has(path) && !this.#entries.has(path),
    })
    this.#watcher.on('all', () => this.#stir())
    // What cannot be watched is looked at.
    this.#watcher.on('error', () => {})
    // With nothing to watch it is never ready, and what it cannot see the slow look does.
    if (this.#folders.size > 0)
      await once(this.#watcher, 'ready', { signal: AbortSignal.timeout(READY_MS) }).catch(() => {})
    await this.#lookSlowly()
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    clearTimeout(this.#waiting)
    clearTimeout(this.#slowLook)
    await this.#watcher?.close()
  }

  #stir(): void {
    if (this.#isStopped) return
    this.#stirredAt ??= Date.now()
    this.#settleIn(QUIET_MS)
  }

  /** `isLate`: whatever it looks like. */
  #settleIn(delayMs: number, isLate = false): void {
    clearTimeout(this.#waiting)
    const leftMs = (this.#stirredAt ?? Date.now()) + LONGEST_MS - Date.now()
    const isLast = isLate || leftMs <= delayMs
    this.#waiting = setTimeout(() => void this.#settle(isLast), Math.max(0, Math.min(delayMs, leftMs)))
  }

  async #settle(isLast: boolean): Promise<void> {
    const waiting = this.#waiting
    const now = await lookAt(this.files)
    // Stirred again while we looked.
    if (this.#waiting !== waiting || this.#isStopped) return
    if (!isLast && seemsHalfWritten(this.#told, now)) return this.#waitForWriters(now)
    const changed = this.files.filter((file) => this.#told.get(file)?.signature !== now.get(file)?.signature)
    this.#told = now
    this.#stirredAt = null
    this.#onChange(changed)
    await this.#findEntries()
  }

  /** Where the system does not tell who writes, nothing is sooner. */
  async #waitForWriters(now: Looks): Promise<void> {
    this.#settleIn(UNFINISHED_MS, true)
    const waiting = this.#waiting
    const smaller = onlySmaller(this.#told, now) ?? []
    const areOpen = await Promise.all(smaller.map(isOpenForWriting))
    const isDone = areOpen.length > 0 && areOpen.every((isOpen) => isOpen === false)
    if (isDone && this.#waiting === waiting && !this.#isStopped) this.#settleIn(SMALLER_MS, true)
  }

  async #lookSlowly(): Promise<void> {
    if (this.#stirredAt === null) {
      const now = await signaturesOf(this.files)
      const isOther = this.files.some((file) => this.#told.get(file)?.signature !== now.get(file))
      if (isOther && this.#stirredAt === null) this.#stir()
    }
    if (this.#isStopped) return
    const delayMs = SLOW_LOOK_MS + this.files.length * SLOW_LOOK_MS_A_FILE
    this.#slowLook = setTimeout(() => void this.#lookSlowly(), delayMs)
    this.#slowLook.unref()
  }

  /** Links may lead elsewhere now, and folders may have come or gone. */
  async #findEntries(): Promise<void> {
    const entries = new Set((await Promise.all(this.files.map(entriesOf))).flat())
    const folders = new Set([...entries].map((entry) => dirname(entry)))
    const gone = [...this.#folders].filter((folder) => !folders.has(folder))
    this.#entries = entries
    this.#folders = folders
    if (this.#isStopped) return
    this.#watcher?.unwatch(gone)
    this.#watcher?.add([...folders])
  }
}
