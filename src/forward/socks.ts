// A SOCKS client on a connection: hears its request within 10 s, and answers it once the dial has come to
// something. Whether it may, and who dials, is left to traffic.ts.

import type { Duplex } from 'node:stream'
import type { Problem } from '../model/problem.ts'
import type { Connection } from './carrier.ts'
import { createSocksHandshake, type SocksAuth, type Turn } from './socks-handshake.ts'
import { formatReply, replyCodeOf } from './socks-reply.ts'
import type { Destination } from './socks-request.ts'
import type { StopSignal } from './stop.ts'

export interface SocksRequest {
  readonly destination: Destination
  /** Says that the target is reached. From then on the connection is the target's; early data is still in it. */
  grant(): void
  /** Says why not, and closes; resolves when the client has gone or was given long enough to read it. Never rejects. */
  refuse(why: Problem): Promise<void>
}

export interface SocksOptions {
  auth: SocksAuth | null
  /** Ends the wait; the connection is then aborted. */
  signal: StopSignal
  /** Default 10 s. */
  handshakeMs?: number
}

/** Refused is who was too slow, made no sense or had the wrong password; then, as when it is gone, the connection is closed. Never rejects. */
export async function readSocksRequest(
  connection: Connection,
  { auth, signal, handshakeMs = 10_000 }: SocksOptions,
): Promise<SocksRequest | 'refused' | 'gone'> {
  const turn = await listenFor(connection.stream, createSocksHandshake(auth), signal, handshakeMs)
  if (typeof turn !== 'string' && turn.kind === 'requested') return requestOf(connection, turn, signal)
  if (typeof turn !== 'string' && turn.say.length > 0) await hangUp(connection, turn.say, signal)
  else connection.abort()
  return turn === 'gone' ? 'gone' : 'refused'
}

type LastTurn = Exclude<Turn, { kind: 'listening' }> | 'gone' | 'late'

/** Feeds the machine until it has enough. */
function listenFor(
  stream: Duplex,
  feed: (chunk: Buffer) => Turn,
  signal: StopSignal,
  handshakeMs: number,
): Promise<LastTurn> {
  return new Promise((resolve) => {
    const finish = (turn: LastTurn) => {
      clearTimeout(timer)
      signal.removeEventListener('abort', giveUp)
      stream.off('data', onData).off('end', giveUp).off('close', giveUp).off('error', giveUp)
      stream.pause()
      if (typeof turn !== 'string' && turn.kind === 'requested' && turn.rest.length > 0)
        stream.unshift(turn.rest)
      resolve(turn)
    }
    const giveUp = () => finish('gone')
    const onData = (chunk: Buffer) => {
      const turn = feed(chunk)
      if (turn.kind !== 'listening') finish(turn)
      else if (turn.say.length > 0) stream.write(turn.say)
    }
    const timer = setTimeout(() => finish('late'), handshakeMs)
    signal.addEventListener('abort', giveUp)
    stream.on('data', onData).on('end', giveUp).on('close', giveUp).on('error', giveUp)
    stream.resume()
    if (signal.aborted || stream.destroyed) giveUp()
  })
}

function requestOf(
  connection: Connection,
  { version, destination, say }: Extract<Turn, { kind: 'requested' }>,
  signal: StopSignal,
): SocksRequest {
  if (say.length > 0) connection.stream.write(say)
  return {
    destination,
    grant: () => void connection.stream.write(formatReply(version, 0)),
    refuse: (why) => hangUp(connection, formatReply(version, replyCodeOf(why.code)), signal),
  }
}

const lingerMs = 2_000

/**
 * Sends the last words and closes in order: what the client still sends is read and dropped for a moment,
 * because closing over unread data is a RST, which would overtake them.
 */
function hangUp({ stream, abort }: Connection, lastWords: Buffer, signal: StopSignal): Promise<void> {
  return new Promise((resolve) => {
    const close = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', close)
      stream.off('end', closeIfDone).off('finish', closeIfDone).off('close', close).off('error', close)
      if (stream.writableFinished) stream.destroy()
      else abort()
      resolve()
    }
    const closeIfDone = () => {
      if (stream.readableEnded && stream.writableFinished) close()
    }
    const timer = setTimeout(close, lingerMs)
    signal.addEventListener('abort', close)
    stream.on('end', closeIfDone).on('finish', closeIfDone).on('close', close).on('error', close)
    stream.end(lastWords)
    stream.resume()
    if (signal.aborted || stream.destroyed) close()
  })
}
