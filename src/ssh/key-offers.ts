// The keys of one attempt, offered one after the other: with which algorithm, who signs, and what came of each. In
// which order they come is credentials.ts's, when it is their turn auth.ts's.

import type { AnyAuthMethod } from 'ssh2'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Question } from '../model/prompt.ts'
import { describeKey } from './auth-problem.ts'
import { algorithmsOf, type Credentials, type Identity } from './credentials.ts'
import type { SessionProof } from './internals/key-exchange.ts'
import type { OfferedKey } from './internals/offer-keys.ts'
import { OneKeyAgent } from './one-key-agent.ts'
import { keyFingerprint, type PublicKey, plainType } from './public-key.ts'

/** How long an agent may take before a person is told that it waits for them: a finger on a key, a click. */
const AGENT_PATIENCE_MS = 1_000

export interface KeyOffersOptions {
  user: string
  credentials: Credentials
  /** What stands for a key in ssh2's hands; null: it cannot be offered. */
  offerKey: (key: OfferedKey) => unknown
  session: () => SessionProof | null
  /** Shows what wants no answer, until the returned function is called. */
  showSoon: (question: Question, delayMs: number) => () => void
  /** Nothing is sent any more. */
  over: AbortSignal
}

export class KeyOffers {
  /** Those that were offered, in their order. */
  readonly tried: string[] = []
  readonly notes: string[] = []
  /** Why a key could not be used; `wasWanted`: the server would have taken it. */
  trouble: { problem: Problem; wasWanted: boolean } | null = null
  /** The agent that has been asked for a signature, and has not given it yet. */
  waitsFor: Identity | null = null
  /** The server's `server-sig-algs` (RFC 8308 3.1); null: it did not say. */
  serverAlgorithms: string[] | null = null
  readonly #options: KeyOffersOptions
  #left: Identity[]
  #last: PublicKey | null = null
  readonly #accepted = new Set<string>()

  constructor(options: KeyOffersOptions) {
    this.#options = options
    this.#left = [...options.credentials.identities]
  }

  /** Null: none is left. A key that hides behind a passphrase is asked for first. */
  async next(): Promise<AnyAuthMethod | null> {
    const { credentials, offerKey, user } = this.#options
    for (let identity = this.#left.shift(); identity; identity = this.#left.shift()) {
      const publicKey = identity.publicKey ?? (await this.#reveal(identity))
      const algorithm = publicKey && this.#choose(algorithmsOf(publicKey, credentials.algorithms))
      if (!publicKey || !algorithm) continue
      const standIn = offerKey({ algorithm, blob: publicKey.blob })
      if (!standIn) {
        this.notes.push(
          `${identity.from} was not offered: this ssh2 is another version than the one tunnels needs.`,
        )
        continue
      }
      this.#last = publicKey
      this.tried.push(describeKey(publicKey, identity.from))
      const agent = new OneKeyAgent(standIn, (data, name) => this.#sign(identity, data, name))
      return { type: 'agent', username: user, agent }
    }
    return null
  }

  /** The last one counted, and another step is wanted. As ssh: all may be offered again, but the server takes none twice. */
  passed(): void {
    if (this.#last) this.#accepted.add(keyFingerprint(this.#last))
    const isUsed = ({ publicKey }: Identity) =>
      publicKey !== null && this.#accepted.has(keyFingerprint(publicKey))
    this.#left = this.#options.credentials.identities.filter((identity) => !isUsed(identity))
  }

  async #reveal(identity: Identity): Promise<PublicKey | null> {
    try {
      const publicKey = await identity.reveal()
      if (!publicKey) this.notes.push(`${identity.from} is a key of a kind that nothing here offers.`)
      return publicKey
    } catch (error) {
      this.#keep(identity, error, false)
      return null
    }
  }

  /** RSA has two names: the first that the server takes, when it says which. */
  #choose(allowed: string[]): string | undefined {
    const taken = this.serverAlgorithms
    return allowed.find((name) => taken === null || taken.includes(plainType(name))) ?? allowed[0]
  }

  async #sign(identity: Identity, data: Buffer, algorithm: string): Promise<Buffer> {
    const { over, session, showSoon } = this.#options
    const stop = identity.isInAgent ? showSoon(agentQuestion(identity), AGENT_PATIENCE_MS) : () => {}
    this.waitsFor = identity.isInAgent ? identity : null
    try {
      const signature = await identity.sign(data, plainType(algorithm), session())
      return over.aborted ? await new Promise<never>(() => {}) : signature
    } catch (error) {
      this.#keep(identity, error, true)
      throw error
    } finally {
      this.waitsFor = null
      stop()
    }
  }

  #keep({ from }: Identity, error: unknown, wasWanted: boolean): void {
    if (!(error instanceof ProblemError)) this.notes.push(`${from} did not sign.`)
    else if (!this.trouble || wasWanted) this.trouble = { problem: error.problems[0]!, wasWanted }
  }
}

function agentQuestion({ from, publicKey }: Identity): Question {
  const key = publicKey ? describeKey(publicKey, from) : from
  return {
    kind: 'passphrase',
    summary: `The agent waits for you: touch the security key, or confirm the use of ${key}`,
    fields: [],
  }
}
