// Holds the project's lock for as long as a supervisor lives. Cleaners of temporary folders, and the end of a
// login, may remove the runtime folder under it: then nobody could reach it any more, and the next `up` would
// start a second one. So it looks every few seconds, and puts back what is gone.

import type { Server } from 'node:net'
import { type LockInfo, type ProjectLock, takeLock } from './lock.ts'
import { openRuntimeDir, type ProjectPlace } from './paths.ts'

export interface HeldLock {
  /** Path of the socket that `server` listens on, now. */
  readonly socket: string
  /** Resolves when the lock was gone and another supervisor has taken it; `server` is then closed. */
  readonly lost: Promise<void>
  writeInfo(info: LockInfo): Promise<void>
  /** Lets the next one in, and looks no more. At once: see {@link ProjectLock.release}. Never throws. */
  release(): void
}

export interface HoldOptions {
  place: ProjectPlace
  env: Readonly<Record<string, string | undefined>>
  info: LockInfo
}

const LOOK_MS = 2_000

/** Makes the runtime folder where it is missing; null when another supervisor is alive (`server` is then closed). */
export async function holdLock(server: Server, options: HoldOptions): Promise<HeldLock | null> {
  await openRuntimeDir(options.env)
  const lock = await takeLock(options.place, server, options.info)
  return lock && new Holding(server, options, lock)
}

class Holding implements HeldLock {
  readonly lost: Promise<void>
  readonly #server: Server
  readonly #options: HoldOptions
  readonly #timer: NodeJS.Timeout
  #lock: ProjectLock
  #info: LockInfo
  #looking: Promise<void> | null = null
  #isReleased = false
  #lose!: () => void

  constructor(server: Server, options: HoldOptions, lock: ProjectLock) {
    this.#server = server
    this.#options = options
    this.#info = options.info
    this.#lock = lock
    this.lost = new Promise((resolve) => {
      this.#lose = resolve
    })
    this.#timer = setInterval(() => this.#startLook(), LOOK_MS).unref()
  }

  get socket(): string {
    return this.#lock.socket
  }

  async writeInfo(info: LockInfo): Promise<void> {
    this.#info = info
    await this.#lock.writeInfo(info)
  }

  release(): void {
    this.#isReleased = true
    clearInterval(this.#timer)
    this.#lock.release()
  }

  #startLook(): void {
    // What fails (no right to make the folder again, a full disk) is tried again at the next look.
    this.#looking ??= this.#look()
      .catch(() => {})
      .finally(() => {
        this.#looking = null
      })
  }

  async #look(): Promise<void> {
    const missing = await this.#lock.missing()
    if (this.#isReleased) return
    if (missing === 'info') await this.#lock.writeInfo(this.#info)
    if (missing === 'socket') await this.#takeAgain()
  }

  /** Connections that are open live on: only what listens is made anew. */
  async #takeAgain(): Promise<void> {
    await openRuntimeDir(this.#options.env)
    if (this.#isReleased) return
    this.#server.close()
    const lock = await takeLock(this.#options.place, this.#server, this.#info)
    if (lock) {
      this.#lock = lock
      if (this.#isReleased) lock.release()
      return
    }
    clearInterval(this.#timer)
    this.#lose()
  }
}
