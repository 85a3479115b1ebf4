// An established connection to a host, until it is lost or closed: what it knows of itself, and the end of
// everything on it. Opening channels is channels.ts's, listening over there remote-listen.ts's.

import type { Duplex } from 'node:stream'
import type { Channel, Client } from 'ssh2'
import type {
  Carrier,
  Connection,
  Dial,
  Incoming,
  ListenOptions,
  RemoteListener,
} from '../forward/carrier.ts'
import { type DialTarget, formatTarget, type ListenSpec } from '../model/address.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { ChannelStream } from './channel-stream.ts'
import { dial } from './channels.ts'
import { tellCarrier } from './delivered.ts'
import { Flow } from './flow.ts'
import { listenByRelay } from './gateway.ts'
import { takeChannel } from './internals/take-channel.ts'
import { lentReadsOf } from './lent-reads.ts'
import { Liveness } from './liveness.ts'
import { type Lender, Loans } from './loans.ts'
import { Pressure } from './pressure.ts'
import { printable } from './printable.ts'
import { watchRekey } from './rekey.ts'
import { RemoteListening } from './remote-listen.ts'
import { WireChannel } from './wire-channel.ts'

/** How long the farewell may take to leave before the socket is taken away. */
const FAREWELL_MS = 1_000

/** Such a server says nothing of it to a client: all that can be seen is that nothing went through. */
const UNUSED =
  'Nothing went through it: if that comes again and again, UnusedConnectionTimeout in its sshd_config may be why. `connect: on_demand` connects when somebody comes'

export class SshCarrier implements Carrier {
  host: WantedHost
  readonly client: Client
  readonly warning: Problem | null
  readonly #socket: Duplex
  readonly #pressure: Pressure
  readonly #flow: Flow
  readonly #loans: Loans | null
  readonly #liveness: Liveness
  readonly #stopRekeyWatch: () => void
  readonly #listening: RemoteListening
  readonly #closed = new AbortController()
  readonly #onLost = new Set<() => void>()
  /** ssh2 says nothing on an idle channel when the connection is lost. */
  readonly #streams = new Set<ChannelStream | WireChannel>()
  /** Of each target: what was given up and is still being opened over there. */
  readonly #unanswered = new Map<string, number>()
  /** The first thing that went wrong: it is why the connection ends a moment later. */
  #trouble: string | null = null

  constructor(host: WantedHost, client: Client, socket: Duplex, warning: Problem | null = null) {
    this.host = host
    this.client = client
    this.warning = warning
    this.#socket = socket
    this.#pressure = new Pressure(socket, client)
    this.#flow = new Flow(client, () => this.rttMs)
    this.#loans = Loans.of(lenderOf(socket), client)
    this.#listening = new RemoteListening(this)
    client.on('error', (error) => this.#lose(describeError(error)))
    client.on('end', () =>
      this.#lose('the server closed the connection', this.#streams.size === 0 ? UNUSED : null),
    )
    client.on('close', () => this.#lose('the connection ended'))
    this.#liveness = new Liveness(host, client, socket, (cause) => this.#lose(cause))
    this.#stopRekeyWatch = watchRekey(client, (cause) => this.#lose(cause))
  }

  get closed(): AbortSignal {
    return this.#closed.signal
  }

  get rttMs(): number | null {
    return this.#liveness.rttMs
  }

  unanswered(target: DialTarget): number {
    return this.#unanswered.get(formatTarget(target)) ?? 0
  }

  /** One more was given up (1), or has had its answer (-1). */
  countUnanswered(target: DialTarget, by: 1 | -1): void {
    const count = this.unanswered(target) + by
    if (count > 0) this.#unanswered.set(formatTarget(target), count)
    else this.#unanswered.delete(formatTarget(target))
  }

  /** As `closed`, for what there may be thousands of. Returns its stop. */
  onceLost(listener: () => void): () => void {
    this.#onLost.add(listener)
    return () => this.#onLost.delete(listener)
  }

  dial: Dial = (target, from, signal) => dial(this, target, from, signal)

  listen(
    listen: ListenSpec,
    options: ListenOptions,
    onIncoming: (incoming: Incoming) => void,
  ): Promise<RemoteListener> {
    if (listen.kind === 'tcp' && options.gateway) return listenByRelay(this, listen, options, onIncoming)
    return this.#listening.listen(listen, options, onIncoming)
  }

  /** See `RemoteListening.probe`. */
  probe(folder: string, remove: (path: string) => Promise<unknown>): Promise<boolean> {
    return this.#listening.probe(folder, remove)
  }

  /** A channel becomes a connection that ends with this carrier. */
  adopt(channel: Channel): Connection {
    const wire = takeChannel(this.client, channel)
    const stream = wire
      ? new WireChannel(wire, this.#pressure, this.#flow, this.#loans)
      : new ChannelStream(channel, this.#pressure)
    this.#streams.add(stream)
    tellCarrier(stream, this.#socket)
    stream.once('close', () => this.#streams.delete(stream))
    const abort = () => stream.destroy()
    if (!(stream instanceof WireChannel)) return { stream, abort }
    return { stream, abort, copies: true, lend: (settle) => stream.lend(settle) }
  }

  update(host: WantedHost): void {
    this.host = host
    if (!this.closed.aborted) this.#liveness.start(host)
  }

  networkChanged(): void {
    if (!this.closed.aborted) this.#liveness.networkChanged()
  }

  close(): void {
    if (this.closed.aborted) return
    this.#end({ code: 'HOST_LOST', summary: `The connection to ${this.host.name} was closed` })
    try {
      this.client.end()
    } catch {
      // Gone already.
    }
    const destroy = () => this.#socket.destroy()
    const timer = setTimeout(destroy, FAREWELL_MS).unref()
    this.#socket.once('finish', destroy).once('close', () => clearTimeout(timer))
  }

  #lose(cause: string, hint: string | null = null): void {
    this.#trouble ??= cause
    if (this.closed.aborted) return
    this.#end({
      code: 'HOST_LOST',
      summary: `The connection to ${this.host.name} was lost: ${this.#trouble}`,
      ...(hint !== null && { hint }),
    })
    this.#socket.destroy()
  }

  #end(problem: Problem): void {
    const error = new ProblemError(problem)
    this.#liveness.stop()
    this.#stopRekeyWatch()
    for (const stream of this.#streams) stream.cut(error)
    this.#closed.abort(error)
    for (const tell of this.#onLost) tell()
  }
}

/** Who lends what this connection reads: its socket, or the channel of a jump host. */
function lenderOf(stream: Duplex): Lender | null {
  return stream instanceof WireChannel ? stream : lentReadsOf(stream)
}

function describeError(error: Error & { level?: string; code?: unknown }): string {
  if (error.level === 'client-socket' && typeof error.code === 'string') return error.code
  return printable(error.message)
}
