// Whether what one read of the SSH socket brought is needed no more: every packet in it was data or a window, and
// whoever got data has passed it on.

import type { Client } from 'ssh2'
import { type ReadState, readStateOf } from './internals/packets.ts'

/** Of what one event brings. `settle` is asked at its end: true when nothing that is in `memory` is needed any more. */
export interface Lender {
  lend(settle: (memory: Buffer) => boolean): void
}

export interface Borrower {
  /** Passes on what it holds back; true when it keeps nothing of what it got. */
  settle(memory: Buffer): boolean
}

export class Loans {
  readonly #client: Client
  #borrowers: Borrower[] = []
  /** Packets that nobody keeps. */
  #passed = 0
  #before: ReadState | null

  /** Null where nothing is lent. */
  static of(lender: Lender | null, client: Client): Loans | null {
    if (!lender) return null
    const loans = new Loans(client)
    lender.lend((memory) => loans.#areOver(memory))
    return loans
  }

  private constructor(client: Client) {
    this.#client = client
    this.#before = readStateOf(client)
  }

  /** A packet of which nothing is kept, but what `borrower` was given of it. */
  packet(borrower: Borrower | null): void {
    this.#passed += 1
    if (borrower && this.#borrowers.at(-1) !== borrower) this.#borrowers.push(borrower)
  }

  #areOver(memory: Buffer): boolean {
    const before = this.#before
    const now = readStateOf(this.#client)
    const passed = this.#passed
    let isSettled = true
    for (const borrower of this.#borrowers) if (!borrower.settle(memory)) isSettled = false
    this.#borrowers = []
    this.#passed = 0
    this.#before = now
    if (!before || !now || before.decipher !== now.decipher) return false
    return isSettled && now.packets - before.packets === passed && now.partOfPacket?.buffer !== memory.buffer
  }
}
