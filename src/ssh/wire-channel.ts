// One SSH channel as a Duplex that speaks its part of the protocol itself (RFC 4254 5.2, 5.3): one buffer a direction
// and windows of its own, where ssh2's has two more streams behind it. `destroy` closes it at once, a lost connection
// is an error and not an end, half-close works both ways.

import { Duplex } from 'node:stream'
import type { Flow, Pace } from './flow.ts'
import type { ChannelMessages, ChannelWire } from './internals/take-channel.ts'
import type { Borrower, Lender, Loans } from './loans.ts'
import type { Pressure } from './pressure.ts'

type Done = (error?: Error | null) => void

/** The longest that a server may take to pass on what it had when we ended: whoever reads there may be slow. */
const LAST_WORDS_MS = 60_000

const BUFFER = { readableHighWaterMark: 256 * 1024, writableHighWaterMark: 256 * 1024 }

/**
 * Destroyed by itself when both directions have ended, or when the server closes the channel. After both ends its
 * `close` comes only when the server has passed everything on: a connection that ends earlier takes that with it.
 */
export class WireChannel extends Duplex implements ChannelMessages, Borrower, Lender {
  readonly #wire: ChannelWire
  readonly #pressure: Pressure
  readonly #flow: Flow
  readonly #pace: Pace
  readonly #loans: Loans | null
  #settle: (memory: Buffer) => boolean = () => false
  /** In this event: something was passed on as it came, and something still lies here as it came. */
  #hasLent = false
  #keeps = false
  /** What the server may still send. */
  #granted: number
  /** What we may still send. */
  #allowed: number
  /** What waits until we may. */
  #unsent: Buffer[] = []
  #onSent: Done | null = null
  #closedHere = false
  #closedThere = false
  #onGone = () => {}

  constructor(wire: ChannelWire, pressure: Pressure, flow: Flow, loans: Loans | null) {
    super(BUFFER)
    this.#wire = wire
    this.#pressure = pressure
    this.#flow = flow
    this.#loans = loans
    this.#pace = flow.join()
    this.#granted = wire.granted
    this.#allowed = wire.allowed
    wire.owner = this
    // Whoever uses it may be between two listeners when the connection is lost.
    this.on('error', ignore)
  }

  /** Not `_read`: that is called before something is taken, and not again until the next piece has come. */
  override read(size?: number): Buffer | null {
    const chunk = super.read(size) as Buffer | null
    if (chunk) this.#grant()
    return chunk
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#write([chunk], done)
    // Lent for the moment only; see `Connection.copies`.
    if (this.#onSent) this.#unsent = this.#unsent.map((rest) => Buffer.from(rest))
  }

  override _writev(chunks: { chunk: Buffer }[], done: Done): void {
    const buffers = chunks.map(({ chunk }) => chunk)
    const bytes = buffers.reduce((sum, { length }) => sum + length, 0)
    // A packet costs more than a copy.
    this.#write(bytes <= this.#wire.packetSize ? [Buffer.concat(buffers, bytes)] : buffers, done)
  }

  override _final(done: Done): void {
    if (!this.#closedHere) this.#wire.sendEof()
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#flow.leave(this.#pace)
    this.#unsent = []
    this.#close()
    if (error || this.#closedThere || !this.readableEnded || !this.writableFinished) return done(error)
    const timer = setTimeout(() => this.#onGone(), LAST_WORDS_MS)
    this.#onGone = () => {
      clearTimeout(timer)
      done()
    }
  }

  /** The connection is lost, or ends: nobody is waited for any more. */
  cut(error: Error): void {
    this.destroy(error)
    this.#onGone()
  }

  /** See `Connection.lend`. */
  lend(settle: (memory: Buffer) => boolean): void {
    this.#settle = settle
  }

  settle(memory: Buffer): boolean {
    const isSettled = !this.#hasLent || this.#settle(memory)
    const keeps = this.#keeps
    this.#hasLent = false
    this.#keeps = false
    return isSettled && !keeps
  }

  receiveData(chunk: Buffer): void {
    this.#loans?.packet(this)
    if (!this.#take(chunk.length) || this.destroyed) return
    if (!this.#loans) this.push(chunk)
    else if (this.readableFlowing && this.readableLength === 0) this.#pushLent(chunk)
    // It will lie here for a while, and would hold on to all that was read together with it.
    else this.push(Buffer.from(chunk))
    this.#flow.arrived(this.#pace, chunk.length)
    this.#grant()
  }

  #pushLent(chunk: Buffer): void {
    this.push(chunk)
    this.#hasLent = true
    if (this.readableLength > 0) this.#keeps = true
  }

  /** Nothing that we ask for has a standard error. */
  receiveExtendedData(bytes: number): void {
    if (this.#take(bytes)) this.#grant()
  }

  receiveWindowAdjust(bytes: number): void {
    this.#loans?.packet(null)
    this.#allowed += bytes
    if (this.#onSent && !this.#closedThere && !this.destroyed) this.#send()
  }

  receiveEof(): void {
    if (!this.destroyed && !this.#closedThere) this.push(null)
  }

  /** What the server sent is still read, what we would send has nowhere to go. */
  receiveClose(): void {
    if (!this.destroyed) this.receiveEof()
    this.#closedThere = true
    this.#close()
    this.#onGone()
    if (this.readableEnded) this.destroy()
    else if (!this.destroyed) this.once('end', () => this.destroy())
  }

  #write(buffers: Buffer[], done: Done): void {
    if (this.#closedHere && this.readableEnded) return done(new Error('the channel is closed'))
    this.#unsent = buffers
    this.#onSent = done
    if (!this.#closedThere) this.#send()
  }

  #send(): void {
    const { packetSize } = this.#wire
    for (let next = this.#unsent[0]; next; next = this.#unsent[0]) {
      for (let at = 0; at < next.length; ) {
        const size = Math.min(next.length - at, this.#allowed, packetSize)
        if (size <= 0) return this.#keep(next.subarray(at))
        this.#allowed -= size
        this.#wire.sendData(size === next.length ? next : next.subarray(at, at + size))
        at += size
      }
      this.#unsent.shift()
    }
    const done = this.#onSent
    this.#onSent = null
    if (done) this.#pressure.wait(done)
  }

  #keep(rest: Buffer): void {
    this.#unsent[0] = rest
  }

  /** What came is part of what was granted. */
  #take(bytes: number): boolean {
    this.#granted -= bytes
    if (this.#granted >= 0) return true
    this.#wire.fail(new Error('the server sends more than it was allowed to'))
    return false
  }

  /** What nobody reads stays part of the window, and so is all that a stalled reader costs. */
  #grant(): void {
    const { window, part } = this.#pace
    const due = window - this.#granted - this.readableLength
    if (due < part || this.#closedHere || this.#closedThere) return
    this.#granted += due
    this.#wire.sendWindowAdjust(due)
  }

  #close(): void {
    if (!this.#closedHere) this.#wire.sendClose()
    this.#closedHere = true
  }
}

function ignore(): void {}
