// A relay that runs on the far side, in an exec channel (RFC 4254 6.5): how it is started, spoken to and ended. What
// runs there is relay-program.ts; what its failures mean to a person is gateway.ts's.

import { randomBytes } from 'node:crypto'
import type { ClientChannel } from 'ssh2'
import type { RelayMark } from '../forward/carrier.ts'
import { withDeadline } from '../model/deadline.ts'
import type { SshCarrier } from './carrier.ts'
import { discard } from './channel-stream.ts'
import { printable } from './printable.ts'
import { BEAT_MS, PYTHON_RELAY, RELAY_WORD, type RelayOrder, relayCommand } from './relay-program.ts'

/** Why there is none. `ended`: it was there, and said nothing that we understand. */
export type RelayRefusal = {
  cause: 'not allowed' | 'no program' | 'in use' | 'privileged' | 'address' | 'ended'
  /** The last that was said over there, for a person. */
  said: string
  /** python3, socat or ssh; null: it came to none. */
  program: string | null
}

/** Long enough for a slow machine to close a listener. */
const STOP_TIMEOUT_MS = 5_000
/** Of an ssh that has nothing to complain of. */
const CHATTER = /^(Authenticated to|Transferred:|Bytes per second:|Warning: Permanently added)/
const LONGEST_LINE = 4_096
const LONGEST_SAYING = 200

/** Bounded by the host's connectTimeoutMs. Rejects with the carrier's reason when the connection is lost. */
export async function startFarRelay(
  carrier: SshCarrier,
  order: Omit<RelayOrder, 'token'>,
): Promise<FarRelay | RelayRefusal> {
  const token = randomBytes(8).toString('hex')
  const channel = await execute(carrier, relayCommand({ ...order, token }))
  if (typeof channel === 'string')
    return { cause: 'not allowed', said: channel, program: null } satisfies RelayRefusal
  const relay = new FarRelay(channel, token)
  const lost = () => relay.over()
  carrier.closed.addEventListener('abort', lost, { once: true })
  relay.ended.addEventListener('abort', () => carrier.closed.removeEventListener('abort', lost))
  const timer = setTimeout(() => relay.end(), carrier.host.connectTimeoutMs)
  const refusal = await relay.started
  clearTimeout(timer)
  if (!refusal && !carrier.closed.aborted) return relay
  relay.end()
  carrier.closed.throwIfAborted()
  return refusal!
}

/** The channel, or what the server said instead. */
function execute(carrier: SshCarrier, command: string): Promise<ClientChannel | string> {
  return new Promise((resolve, reject) => {
    const lost = () => reject(carrier.closed.reason)
    if (carrier.closed.aborted) return lost()
    carrier.closed.addEventListener('abort', lost, { once: true })
    const timer = setTimeout(resolve, carrier.host.connectTimeoutMs, 'no answer')
    try {
      carrier.client.exec(command, (error, channel) => {
        clearTimeout(timer)
        carrier.closed.removeEventListener('abort', lost)
        if (carrier.closed.aborted) return lost()
        if (channel) channel.on('error', () => {})
        resolve(error ? printable(error.message.replace(/^\(SSH\) /, '')) : channel)
      })
    } catch {
      // Ended in this moment.
      clearTimeout(timer)
      resolve('the connection has ended')
    }
  })
}

/** starting → listening → (stop) → stopped → ended; ended from each. */
export class FarRelay {
  /** Null: it listens. */
  readonly started: Promise<RelayRefusal | null>
  readonly #channel: ClientChannel
  readonly #token: string
  readonly #ended = new AbortController()
  readonly #stopped = new AbortController()
  readonly #beat: NodeJS.Timeout
  readonly #pids: number[] = []
  #program: string | null = null
  #said = ''
  #error = ''
  #isStopping = false
  #settle!: (refusal: RelayRefusal | null) => void

  constructor(channel: ClientChannel, token: string) {
    this.#channel = channel
    this.#token = token
    this.started = new Promise((resolve) => {
      this.#settle = resolve
    })
    this.#beat = setInterval(() => this.#write('\n'), BEAT_MS).unref()
    eachLine(channel, (line) => this.#hear(line))
    eachLine(channel.stderr, (line) => this.#hear(line))
    channel.on('exit', () => this.#gone())
    channel.on('close', () => this.over())
  }

  /** Fires when it does not run any more. */
  get ended(): AbortSignal {
    return this.#ended.signal
  }

  /** By which a relay that outlives its connection is found again. */
  get mark(): RelayMark {
    return { pids: this.#pids, token: this.#token }
  }

  /** The last that was said over there. */
  get said(): string {
    return this.#said
  }

  get program(): string | null {
    return this.#program
  }

  /** It listens no more, its connections go on. Never rejects; bounded. */
  async stop(): Promise<void> {
    this.#isStopping = true
    this.#write('stop\n')
    const either = withDeadline(AbortSignal.any([this.#stopped.signal, this.ended]), STOP_TIMEOUT_MS)
    if (!either.aborted) await new Promise((resolve) => either.addEventListener('abort', resolve))
  }

  /** With all its connections. */
  end(): void {
    this.#channel.end()
    discard(this.#channel)
    this.over()
  }

  /** Nothing is heard of it any more. */
  over(): void {
    clearInterval(this.#beat)
    this.#settle(this.#refusal())
    this.#ended.abort()
  }

  /** What it said may still be on its way: `close` comes after it, unless something there keeps the channel open. */
  #gone(): void {
    setTimeout(() => this.end(), 500).unref()
  }

  #hear(line: string): void {
    const [word, token, what, detail] = line.split(' ')
    if (word !== RELAY_WORD || token !== this.#token) return this.#hearTrouble(line)
    if (what === 'pid') this.#pids.push(Number(detail))
    else if (what === 'listening') this.#listens()
    else if (what === 'ended') this.#listensNoMore()
    else if (what === 'error') this.#error = detail ?? ''
    else {
      this.#program = what ?? null
      if (what === 'python3') this.#write(PYTHON_RELAY)
    }
  }

  /** What was said before was of the start. ssh is content with one family of addresses: we are not. */
  #listens(): void {
    if (this.#program === 'ssh' && this.#error) return this.end()
    this.#said = ''
    this.#settle(null)
  }

  /** Because we said so, or by itself: then the rest of it is of no use, and why may still be on its way. */
  #listensNoMore(): void {
    if (this.#isStopping) this.#stopped.abort()
    else this.#channel.end()
  }

  #hearTrouble(line: string): void {
    // socat tells of each connection, too.
    if (this.#program === 'socat' && / N /.test(line)) {
      if (/ listening on /.test(line)) this.#listens()
      return
    }
    if (line.trim() === '' || CHATTER.test(line)) return
    this.#said = printable(line.trim(), LONGEST_SAYING)
    if (/\bbind\b/.test(line)) this.#error ||= this.#said
  }

  #refusal(): RelayRefusal {
    const program = this.#program === 'none' ? null : this.#program
    return { cause: this.#cause(this.#error || this.#said), said: this.#error || this.#said, program }
  }

  #cause(why: string): RelayRefusal['cause'] {
    if (this.#pids.length === 0) return 'not allowed'
    if (this.#program === 'none') return 'no program'
    if (/EADDRINUSE|address already in use|cannot listen to port/i.test(why)) return 'in use'
    if (/EACCES|bind\b.*permission denied|privileged ports/i.test(why)) return 'privileged'
    if (/EADDRNOTAVAIL|assign requested address/i.test(why)) return 'address'
    return 'ended'
  }

  #write(text: string): void {
    if (this.#channel.writable) this.#channel.write(text)
  }
}

/** What is longer than a line of ours may be is somebody else's talk, and is cut. */
function eachLine(stream: NodeJS.ReadableStream, hear: (line: string) => void): void {
  let rest = ''
  stream.on('data', (chunk: Buffer) => {
    const lines = (rest + chunk.toString('latin1')).split('\n')
    rest = lines.pop()!.slice(-LONGEST_LINE)
    for (const line of lines) hear(line)
  })
  stream.on('end', () => rest && hear(rest))
}
