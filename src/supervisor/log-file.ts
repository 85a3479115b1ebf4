// A file that lines are added to, in order, without anybody waiting for the disk: bounded in size by keeping one
// older file beside it, bounded in memory by losing lines, and saying so, when the disk does not keep up. Removed, it is
// made again: lines that go to a file without a name are read by nobody.

import { appendFileSync, constants } from 'node:fs'
import { copyFile, type FileHandle, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { openWithoutWaiting } from '../files/bounded-read.ts'
import { makeFolder, makeFolderSync } from '../files/make-folder.ts'

export interface LogFile {
  /** One line, with its line feed. */
  write(line: string): void
  /** Not in turn but now: for last words. */
  writeNow(line: string): void
  /** Runs `work` when everything written before this call is in the files and nothing after it. */
  read<T>(work: (newestFirst: string[]) => Promise<T>): Promise<T>
  /** Resolves when all of it is written. Never rejects. */
  close(): Promise<void>
}

export interface LogFileOptions {
  /** Of each of the two files. */
  maxBytes?: number
  /** What stands where lines were lost. */
  lost: (count: number) => string
  /** How a file begins that was made in the place of one that was removed; default: with nothing. */
  removed?: () => string
  /** How often it looks whether the file is still there; default: every two seconds. */
  lookEveryMs?: number
}

const MAX_BYTES = 4 * 1024 * 1024
const MAX_WAITING_BYTES = 1024 * 1024
const LOOK_EVERY_MS = 2_000
const BATCH_BYTES = 256 * 1024
const APPEND = constants.O_WRONLY | constants.O_CREAT | constants.O_APPEND

/** Makes the file (0600) and its folder (0700) with the first line; whatever goes wrong with them is borne in silence. */
export function openLogFile(path: string, options: LogFileOptions): LogFile {
  return new QueuedFile(path, options)
}

/** `stands`: for how many of those that were written; more than one where lines were lost. */
type Line = { text: string; stands: number }

class QueuedFile implements LogFile {
  readonly #path: string
  readonly #options: LogFileOptions
  #waiting: (Line | (() => Promise<void>))[] = []
  #waitingBytes = 0
  #lost = 0
  #handle: FileHandle | null = null
  #bytes = 0
  #inode = 0
  #timer: NodeJS.Timeout | undefined
  #running: Promise<void> | null = null

  constructor(path: string, options: LogFileOptions) {
    this.#path = path
    this.#options = options
  }

  write(line: string): void {
    if (this.#waitingBytes + line.length > MAX_WAITING_BYTES) {
      this.#lost += 1
      return
    }
    if (this.#lost > 0) this.#add({ text: this.#options.lost(this.#lost), stands: this.#lost })
    this.#lost = 0
    this.#add({ text: line, stands: 1 })
  }

  writeNow(line: string): void {
    const lines = this.#waiting.filter((each) => typeof each === 'object').map(({ text }) => text)
    this.#waiting = []
    this.#waitingBytes = 0
    try {
      makeFolderSync(dirname(this.#path))
      appendFileSync(this.#path, [...lines, line].join(''), { mode: 0o600 })
    } catch {
      // The process has worse troubles.
    }
  }

  read<T>(work: (newestFirst: string[]) => Promise<T>): Promise<T> {
    return this.#inTurn(() => work([this.#path, olderOf(this.#path)]))
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#letGo())
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#waiting.push(() => work().then(resolve, reject))
      this.#start()
    })
  }

  #add(line: Line): void {
    this.#waiting.push(line)
    this.#waitingBytes += line.text.length
    this.#start()
  }

  #start(): void {
    this.#running ??= this.#run().finally(() => {
      this.#running = null
      if (this.#waiting.length > 0) this.#start()
    })
  }

  async #run(): Promise<void> {
    // A burst of lines becomes one write.
    await new Promise((resolve) => setImmediate(resolve))
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (typeof next === 'object') await this.#append(this.#takeBatch())
      else {
        this.#waiting.shift()
        await next()
      }
    }
  }

  #takeBatch(): Line {
    let bytes = 0
    const end = this.#waiting.findIndex((each) => {
      if (typeof each !== 'object') return true
      bytes += each.text.length
      return bytes > BATCH_BYTES && bytes > each.text.length
    })
    const lines = this.#waiting.splice(0, end === -1 ? this.#waiting.length : end) as Line[]
    const text = lines.map((line) => line.text).join('')
    this.#waitingBytes -= text.length
    return { text, stands: lines.reduce((sum, line) => sum + line.stands, 0) }
  }

  async #append({ text, stands }: Line): Promise<void> {
    const data = Buffer.from(text)
    try {
      await this.#putBack()
      this.#handle ??= await this.#open()
      if (this.#bytes > 0 && this.#bytes + data.length > this.#maxBytes) await this.#turn(this.#handle)
      await this.#handle.appendFile(data)
      this.#bytes += data.length
    } catch {
      this.#lost += stands
      await this.#letGo()
    }
  }

  async #open(): Promise<FileHandle> {
    await makeFolder(dirname(this.#path))
    const handle = await openWithoutWaiting(this.#path, APPEND, 0o600)
    await handle.chmod(0o600)
    const { size, ino } = await handle.stat()
    this.#bytes = size
    this.#inode = ino
    this.#timer = setInterval(() => this.#look(), this.#options.lookEveryMs ?? LOOK_EVERY_MS).unref()
    return handle
  }

  #look(): void {
    if (this.#running) return
    this.#inTurn(() => this.#putBack()).catch(() => this.#letGo())
  }

  /** Makes the file again when what stands at its path is not the one that is open. */
  async #putBack(): Promise<void> {
    if (!this.#handle) return
    const there = await stat(this.#path).catch(() => null)
    if (there?.ino === this.#inode) return
    await this.#letGo()
    this.#handle = await this.#open()
    const { removed } = this.#options
    if (!removed) return
    await this.#handle.appendFile(removed())
    this.#bytes += removed().length
  }

  /** Copied and emptied, not renamed: what else writes to this file (the process's own stderr) keeps its place in it. */
  async #turn(handle: FileHandle): Promise<void> {
    await copyFile(this.#path, olderOf(this.#path)).catch(() => {})
    await handle.truncate(0)
    this.#bytes = 0
  }

  get #maxBytes(): number {
    return this.#options.maxBytes ?? MAX_BYTES
  }

  async #letGo(): Promise<void> {
    const handle = this.#handle
    this.#handle = null
    clearInterval(this.#timer)
    await handle?.close().catch(() => {})
  }
}

function olderOf(path: string): string {
  return `${path}.1`
}
