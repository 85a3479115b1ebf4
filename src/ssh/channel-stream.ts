// One SSH channel as a proper Duplex: `destroy` closes it at once, a lost connection is an error and not an
// end, half-close works both ways, and writes wait for the channel's window and for the connection's own queue.

import { Duplex } from 'node:stream'
import type { Channel } from 'ssh2'
import type { Pressure } from './pressure.ts'

type Done = (error?: Error | null) => void

/** The longest that a server may take to pass on what it had when we ended: whoever reads there may be slow. */
const LAST_WORDS_MS = 60_000

/**
 * Destroyed by itself when both directions have ended, or when the server closes the channel. After both ends its
 * `close` comes only when the server has passed everything on: a connection that ends earlier takes that with it.
 */
export class ChannelStream extends Duplex {
  readonly #channel: Channel
  readonly #pressure: Pressure
  #closed = false
  #onGone = () => {}

  constructor(channel: Channel, pressure: Pressure) {
    super({ readableHighWaterMark: 256 * 1024, writableHighWaterMark: 256 * 1024 })
    this.#channel = channel
    this.#pressure = pressure
    // Whoever uses it may be between two listeners when the connection is lost.
    this.on('error', () => {})
    channel.on('error', () => {})
    channel.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause()
    })
    channel.once('end', () => this.push(null))
    channel.once('close', () => this.#onClose())
  }

  override _read(): void {
    this.#channel.resume()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    if (this.#closed || !this.#channel.writable) return done(new Error('the channel is closed'))
    // The channel calls back when its window has taken all of the chunk.
    this.#channel.write(chunk, (error) => {
      if (error) done(error)
      else this.#pressure.wait(done)
    })
  }

  override _final(done: Done): void {
    attempt(() => this.#channel.end())
    done()
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#channel.removeAllListeners('data')
    discard(this.#channel)
    if (error || this.#closed || !this.readableEnded || !this.writableFinished) return done(error)
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

  /** The server has closed it: what it sent is still read, what we would send has nowhere to go. */
  #onClose(): void {
    this.#closed = true
    this.#onGone()
    if (this.readableEnded) this.destroy()
    else this.once('end', () => this.destroy())
  }
}

/** Closes a channel that nobody wants. Drained, because ssh2 would keep one with unread data for ever. */
export function discard(channel: Channel): void {
  channel.on('error', () => {})
  attempt(() => channel.destroy())
  channel.resume()
}

/** For a connection that was lost before it could be used. */
export function closedStream(reason: Error): Duplex {
  const stream = new Duplex({ read() {}, write: (_chunk, _encoding, done) => done(reason) })
  return stream.on('error', () => {}).destroy(reason)
}

/** ssh2 throws where the connection has just ended: then there is nothing left to close. */
function attempt(action: () => void): void {
  try {
    action()
  } catch {
    // Gone already.
  }
}
