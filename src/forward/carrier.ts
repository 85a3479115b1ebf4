// What a forward needs of whatever carries it: something that dials and something that listens.
// ssh/ implements this over ssh2, this folder implements it over this machine's own sockets; a forward
// cannot tell which it has, and local, remote and dynamic are one loop with the ends swapped.

import type { Duplex } from 'node:stream'
import type { DialTarget, ListenSpec, Originator } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { StopSignal } from './stop.ts'

/**
 * One byte stream in both directions: a socket or an SSH channel. `stream.end()` sends EOF and no more (half-close);
 * when the connection is lost the stream has an error or closes without an `end`. Bytes that nobody reads yet wait in it,
 * and an error that nobody listens to is not thrown.
 */
export interface Connection {
  readonly stream: Duplex
  /** Asked after the stream's `end`: false when it was a reset after all. Absent: an end is an end. */
  readonly endedWell?: () => Promise<boolean>
  /**
   * From now on the pieces of one event are in memory that is used again after it, where `settle`, asked then, passes on
   * what was held back and returns true: nothing of them is needed any more.
   */
  readonly lend?: (settle: () => boolean) => void
  /** From now on each piece that the stream emits is in memory that is used again once its listener has returned. */
  readonly share?: () => void
  /** `stream.write` copies what it cannot send at once, as long as nothing waits to be sent before that. */
  readonly copies?: boolean
  /** Ends it so that the peer cannot take it for a proper end: RST on TCP, a plain close elsewhere. Idempotent. */
  abort(): void
}

/** Somebody knocks. Exactly one of the two is called, once; until then no byte is read from it. */
export interface Incoming {
  readonly from: Originator
  accept(): Connection
  /** A local TCP client gets RST, a local Unix client a close; behind `remote` the channel open is refused. */
  refuse(): void
  /** Fires when the knocking side is gone. */
  readonly gone: StopSignal
}

/** Rejects with a ProblemError (TARGET_*, FORWARD_PROHIBITED, HOST_*). A connection that comes up after `signal` fired is closed. */
export type Dial = (target: DialTarget, from: Originator, signal: StopSignal) => Promise<Connection>

export interface RemoteListener {
  /** As asked, with the port that the server chose: `localhost:7000`, `*:7000`, a path. */
  readonly address: string
  /** The port in use; 0 for a Unix socket. */
  readonly port: number
  /** Cancels it on the server; open connections live on. Never rejects. */
  close(): Promise<void>
  /** With a relay: fires when that has ended by itself; `signal.reason` is then the ProblemError. */
  readonly lost?: AbortSignal
  readonly relay?: RelayMark
}

/** Which processes on the far side a relay is: one that outlives its connection holds the port. */
export interface RelayMark {
  pids: number[]
  token: string
}

export interface ListenOptions {
  /** See 01, `socket`. */
  replace: boolean
  /** A relay over there listens, and leads to a port of the server's loopback. TCP only. */
  gateway?: 'relay' | null
  /** The relay that listened before, if any: it is ended where it is still there. */
  before?: RelayMark | null
}

/** An established connection to a host. It never reconnects: when it is lost it is over. */
export interface Carrier {
  readonly dial: Dial
  /** Rejects with a ProblemError: FORWARD_PROHIBITED, REMOTE_PORT_IN_USE, RELAY_UNAVAILABLE, HOST_LOST. */
  listen(
    listen: ListenSpec,
    options: ListenOptions,
    onIncoming: (incoming: Incoming) => void,
  ): Promise<RemoteListener>
  /** Fires once, when it was lost or closed; `signal.reason` is then the ProblemError. */
  readonly closed: AbortSignal
  /** Last measured round trip; null before the first. */
  readonly rttMs: number | null
  /** What a person should know of it, although it is open; null: nothing. */
  readonly warning: Problem | null
  /** How many connections to `target` were given up here, and have had no answer from the server yet. */
  unanswered?(target: DialTarget): number
  /** Takes what can change on an open connection (keepalive, connect_timeout) from a new spec. */
  update(host: WantedHost): void
  /** This machine slept, or its network is another: asks at once whether the other end is still there. */
  networkChanged?(): void
  /** Ends it and everything on it at once. */
  close(): void
}
