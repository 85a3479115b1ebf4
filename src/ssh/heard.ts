// What the other side has said while no connection was there yet, for problems that would otherwise be guesses.

import type { Progress } from './handshake.ts'
import type { Mismatch } from './mismatch-problem.ts'
import { printable } from './printable.ts'

/** What may come before a banner; ssh2 reads it all again with each piece of it. */
const GREETING_BYTES = 64 * 1024

export class Heard {
  readonly #progress: Progress
  readonly #onFlood: () => void
  #bytes = 0
  #start = Buffer.alloc(0)
  #lists: { side: string; what: string; names: string }[] = []

  constructor(progress: Progress, onFlood: () => void) {
    this.#progress = progress
    this.#onFlood = onFlood
  }

  onData = (chunk: Buffer): void => {
    this.#bytes += chunk.length
    if (this.#start.length < 256) {
      this.#start = Buffer.concat([this.#start, chunk.subarray(0, 256)])
      this.#progress.said = this.firstLine
    }
    if (this.#bytes > GREETING_BYTES && this.#progress.step === 'waiting for the banner') this.#onFlood()
  }

  onDebug(message: string): void {
    if (message.startsWith('Remote ident:')) this.#progress.step = 'key exchange'
    const [, side, what, names] = /^Handshake: \((local|remote)\) ([^:]+): (.*)$/.exec(message) ?? []
    if (side && what && names !== undefined) this.#lists.push({ side, what, names })
  }

  get nothing(): boolean {
    return this.#start.length === 0
  }

  get firstLine(): string {
    const line = this.#start.toString('latin1').split(/\r?\n/)[0] ?? ''
    return printable(line).slice(0, 100)
  }

  /** The last pair of lists compared: where they have nothing in common, this is why. */
  get lastLists(): Mismatch | null {
    const [local, remote] = this.#lists.slice(-2)
    if (!local || !remote || local.what !== remote.what) return null
    return { what: local.what, ours: local.names, theirs: remote.names }
  }
}
