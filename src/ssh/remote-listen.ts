// Listening on the host: tcpip-forward (RFC 4254 7.1) and streamlocal-forward@openssh.com, and the channels that
// come of them. The server never says why it refuses; finding that out is remote-refusal.ts's.

import { randomBytes } from 'node:crypto'
import { posix } from 'node:path'
import type { Channel, Client } from 'ssh2'
import type { Incoming, ListenOptions, RemoteListener } from '../forward/carrier.ts'
import { type Bind, formatRemoteListen, type ListenSpec, type Originator } from '../model/address.ts'
import { ProblemError } from '../model/problem.ts'
import type { SshCarrier } from './carrier.ts'
import { globalRequest } from './global-request.ts'
import { knock } from './knock.ts'
import { printable } from './printable.ts'
import { IncomingChannel } from './remote-incoming.ts'
import { tcpRefusal, unixRefusal } from './remote-refusal.ts'
import { removeSocket } from './remote-socket-file.ts'

type OnIncoming = (incoming: Incoming) => void

/** IPv6 with IPv4 at its end and the name of an interface. */
const LONGEST_ADDRESS = 64

/** A cancel is bounded, because closing must end even when the server is stuck. */
const CANCEL_TIMEOUT_MS = 5_000

export class RemoteListening {
  readonly #carrier: SshCarrier
  readonly #listeners = new Map<string, OnIncoming>()

  constructor(carrier: SshCarrier) {
    this.#carrier = carrier
    // Channels for anything that was not asked for are refused by ssh2, and by the lookups here.
    carrier.client.on('tcp connection', ({ destIP, destPort, srcIP, srcPort }, accept, reject) => {
      // Whatever a server calls an address: it is shown, logged, and compared with allow_from.
      const address = printable(srcIP, LONGEST_ADDRESS).replace(/^::ffff:(?=\d+\.)/, '')
      const from = { address, port: srcPort }
      this.#offer(tcpKey(destIP, destPort), from, accept, reject)
    })
    carrier.client.on('unix connection', ({ socketPath }, accept, reject) => {
      this.#offer(socketPath, { address: null, port: 0 }, accept, reject)
    })
  }

  /** See `Carrier.listen`. */
  listen(listen: ListenSpec, options: ListenOptions, onIncoming: OnIncoming): Promise<RemoteListener> {
    this.#carrier.closed.throwIfAborted()
    return listen.kind === 'tcp'
      ? this.#listenTcp(listen, onIncoming)
      : this.#listenUnix(listen.path, options.replace, onIncoming)
  }

  async #listenTcp(
    listen: Extract<ListenSpec, { kind: 'tcp' }>,
    onIncoming: OnIncoming,
  ): Promise<RemoteListener> {
    const address = wireAddress(listen.bind)
    const wanted = listen.port === 'auto' ? 0 : listen.port
    const port = await globalRequest<number>(this.#carrier, (done) => {
      this.#client.forwardIn(address, wanted, (error, chosen) => {
        // In the same turn: a connection may be in the next packet.
        if (!error) this.#listeners.set(tcpKey(address, chosen), onIncoming)
        done(error ? null : chosen)
      })
    })
    if (port === null) throw new ProblemError(await tcpRefusal(this.#carrier, listen, address))
    return {
      address: formatRemoteListen({ ...listen, port }),
      port,
      close: async () => {
        await this.#cancel(tcpKey(address, port), (done) => this.#client.unforwardIn(address, port, done))
      },
    }
  }

  async #listenUnix(path: string, replace: boolean, onIncoming: OnIncoming): Promise<RemoteListener> {
    if (!(await this.#requestUnix(path, onIncoming))) {
      const problem = await unixRefusal(this.#carrier, path, replace)
      if (problem) throw new ProblemError(problem)
      if (!(await this.#requestUnix(path, onIncoming)))
        throw new ProblemError((await unixRefusal(this.#carrier, path, false))!)
    }
    const cancel = (done: () => void) => this.#client.openssh_unforwardInStreamLocal(path, done)
    return {
      address: path,
      port: 0,
      close: async () => {
        if (!(await this.#cancel(path, cancel))) return
        // OpenSSH leaves the file behind.
        await removeSocket(this.#carrier, path)
      },
    }
  }

  /**
   * Whether a Unix socket that somebody listens on can be told from one where nobody does: OpenSSH gives the same
   * answer to a dead socket and to one that we may not dial. Listens in `folder` and dials itself; `remove` takes
   * the file away. False also when that is not possible.
   */
  async probe(folder: string, remove: (path: string) => Promise<unknown>): Promise<boolean> {
    const path = posix.join(folder, `.tunnels-${randomBytes(6).toString('hex')}`)
    if (!(await this.#requestUnix(path, (incoming) => incoming.refuse()))) return false
    try {
      return (await knock(this.#carrier, { kind: 'unix', path })) === 'answered'
    } finally {
      await this.#cancel(path, (done) => this.#client.openssh_unforwardInStreamLocal(path, done))
      await remove(path)
    }
  }

  #requestUnix(path: string, onIncoming: OnIncoming): Promise<true | null> {
    return globalRequest(this.#carrier, (done) => {
      this.#client.openssh_forwardInStreamLocal(path, (error) => {
        if (!error) this.#listeners.set(path, onIncoming)
        done(error ? null : true)
      })
    })
  }

  get #client(): Client {
    return this.#carrier.client
  }

  /** False: nothing was cancelled. Never rejects. */
  async #cancel(key: string, send: (done: () => void) => void): Promise<boolean> {
    if (!this.#listeners.delete(key) || this.#carrier.closed.aborted) return false
    const late = new Promise<null>((resolve) => setTimeout(resolve, CANCEL_TIMEOUT_MS, null).unref())
    const answered = globalRequest<true>(this.#carrier, (done) => send(() => done(true))).catch(() => null)
    return (await Promise.race([answered, late])) !== null
  }

  #offer(key: string, from: Originator, accept: () => Channel, reject: () => void): void {
    const onIncoming = this.#listeners.get(key)
    if (!onIncoming) return reject()
    onIncoming(new IncomingChannel(this.#carrier, from, accept, reject))
  }
}

/** RFC 4254 7.1: "localhost" is both loopbacks, the empty string all interfaces. */
function wireAddress(bind: Bind): string {
  if (bind === 'loopback') return 'localhost'
  return bind === 'any' ? '' : bind.address
}

function tcpKey(address: string, port: number): string {
  return `${address}:${port}`
}
