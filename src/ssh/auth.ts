// Proving who we are to a server, as ssh does (sshconnect2.c): which method comes next, with which key or password, and
// what the server said to each. Which keys there are is credentials.ts's; what is told in the end is auth-problem.ts's.

import type { AnyAuthMethod } from 'ssh2'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { Question } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { authProblem, describeKey } from './auth-problem.ts'
import { algorithmsOf, type CredentialOptions, type Credentials, type Identity } from './credentials.ts'
import { KeyboardInteractive, questionOf, type Round } from './keyboard-interactive.ts'
import { OneKeyAgent } from './one-key-agent.ts'
import { Passwords } from './password.ts'
import { printable } from './printable.ts'
import { keyFingerprint, plainType } from './public-key.ts'

/** More ways to log in than any server has. */
const MOST_METHODS = 10

/** PreferredAuthentications of ssh_config(5), without what ssh2 cannot do: gssapi-with-mic and hostbased. */
const METHODS = ['publickey', 'keyboard-interactive', 'password'] as const
type Method = (typeof METHODS)[number]

/** How long an agent may take before a person is told that it waits for them: a finger on a key, a click. */
const AGENT_PATIENCE_MS = 1_000

/** How keys are offered over a connection; see internals.ts. */
export type OfferKey = (offer: OfferedKey) => unknown

export interface OfferedKey {
  /** `rsa-sha2-512`, `ssh-ed25519-cert-v01@openssh.com`. */
  algorithm: string
  blob: Buffer
}

/** One attempt's state. `giveUp` is called when nothing is left in the midst of a method. */
export class Authentication {
  giveUp: () => void = () => {}
  offerKey: OfferKey = () => null
  readonly #host: WantedHost
  readonly #credentials: Credentials
  readonly #options: CredentialOptions
  readonly #order: Method[]
  readonly #passwords: Passwords
  readonly #rounds: KeyboardInteractive
  readonly #tried: string[] = []
  readonly #passed: string[] = []
  readonly #notes: string[]
  #left: Identity[]
  #methods: string[] = []
  #trying: 'none' | Method | null = null
  #identity: Identity | null = null
  #accepted = new Set<string>()
  #serverAlgorithms: string[] | null = null
  /** Why a key that the server would take, or a hidden one, could not be used. */
  #keyProblem: { problem: Problem; wasWanted: boolean } | null = null
  #needs: string[] = []
  /** Ends what a person is asked when the server has gone on without the answer. */
  #question = new AbortController()
  readonly #over = new AbortController()

  constructor(host: WantedHost, credentials: Credentials, options: CredentialOptions) {
    this.#host = host
    this.#credentials = credentials
    this.#options = options
    this.#order = orderOf(host)
    this.#passwords = new Passwords(host, options.ask)
    this.#rounds = new KeyboardInteractive(host, this.#passwords, options.ask)
    this.#left = [...credentials.identities]
    this.#notes = [...credentials.notes]
    if (!this.#order.includes('publickey'))
      this.#notes.push('preferred_authentications leaves publickey out.')
  }

  /** What to try next goes to `proceed`; false: nothing is left. `none` comes first, to hear what the server takes (RFC 4252 5.2). */
  next(methods: readonly string[] | null, proceed: (method: AnyAuthMethod | false) => void): void {
    this.#question.abort()
    this.#question = new AbortController()
    if (this.#trying === null) {
      this.#trying = 'none'
      return proceed({ type: 'none', username: this.#host.user })
    }
    if (this.#methods.length === 0) this.#listen(methods ?? [])
    const asked = this.#question.signal
    const go = (method: AnyAuthMethod | false) => {
      if (!asked.aborted && !this.#over.signal.aborted) proceed(method)
    }
    this.#choose().then(go, () => go(false))
  }

  /** A USERAUTH_FAILURE: the methods that can go on, and whether what was tried counted. */
  refused(methods: string[], partial: boolean): void {
    this.#listen(methods)
    if (partial) return this.#passedOne()
    if (this.#trying === 'password') this.#passwords.refused()
    if (this.#trying === 'keyboard-interactive') this.#rounds.refused()
  }

  /** The server's `server-sig-algs` (RFC 8308 3.1). */
  serverTakes(algorithms: string[]): void {
    this.#serverAlgorithms = algorithms
  }

  /** It wants another password to be set (RFC 4252 8), which is no matter for a tunnel. */
  passwordExpired(): void {
    this.#needs.push('a new password: the old one has expired. Log in once with `ssh` to change it')
    this.giveUp()
  }

  /** What the server only wants to be read (RFC 4256 3.2); false: too much of it. */
  told(round: Round): boolean {
    if (this.#rounds.exceeds(round)) return false
    if (round.name || round.instruction) this.#showSoon(questionOf(this.#host, round), 0)
    return true
  }

  /** The attempt has ended: nothing is sent any more. What a person is being asked stays, and is kept for the next one. */
  over(): void {
    this.#over.abort()
  }

  /** What the server took, or was offered last: `publickey (ED25519 SHA256:… ~/.ssh/id)`, `password`. */
  get way(): string {
    const key = this.#trying === 'publickey' ? this.#tried.at(-1) : undefined
    const last = key ? `publickey (${key})` : this.#trying
    return [...this.#passed, ...(last ? [last] : [])].join(', then ')
  }

  /** Why the server did not let us in; `said` is the server's own last word. */
  problem(said: string | null): Problem {
    return authProblem({
      host: this.#host,
      methods: this.#methods,
      tried: this.#tried,
      told: this.#told(),
      passed: this.#passed,
      notes: this.#notes,
      needs: this.#needs,
      keyProblem: this.#keyProblem,
      isVariableRefused: this.#passwords.isVariableRefused,
      said,
    })
  }

  #listen(methods: readonly string[]): void {
    this.#methods = methods.slice(0, MOST_METHODS).map((method) => printable(method, 60))
  }

  /** As ssh: all keys may be offered again, but the server takes none twice. */
  #passedOne(): void {
    if (this.#trying && this.#trying !== 'none') this.#passed.push(this.#trying)
    const key = this.#identity?.publicKey
    if (this.#trying === 'publickey' && key) this.#accepted.add(keyFingerprint(key))
    const isUsed = ({ publicKey }: Identity) =>
      publicKey !== null && this.#accepted.has(keyFingerprint(publicKey))
    this.#left = this.#credentials.identities.filter((identity) => !isUsed(identity))
  }

  async #choose(): Promise<AnyAuthMethod | false> {
    for (const method of this.#order.filter((name) => this.#methods.includes(name))) {
      this.#trying = method
      const next = await this.#begin(method)
      if (next) return next
    }
    return false
  }

  #begin(method: Method): Promise<AnyAuthMethod | null> | AnyAuthMethod | null {
    switch (method) {
      case 'publickey':
        return this.#nextKey()
      case 'keyboard-interactive':
        return this.#interactive()
      case 'password':
        return this.#password()
    }
  }

  async #nextKey(): Promise<AnyAuthMethod | null> {
    for (let identity = this.#left.shift(); identity; identity = this.#left.shift()) {
      const publicKey = identity.publicKey ?? (await this.#reveal(identity))
      const algorithm = publicKey && this.#algorithmFor(algorithmsOf(publicKey, this.#credentials.algorithms))
      const standIn = algorithm && this.offerKey({ algorithm, blob: publicKey.blob })
      if (!publicKey || !standIn) continue
      this.#identity = { ...identity, publicKey }
      this.#tried.push(describeKey(publicKey, identity.from))
      const agent = new OneKeyAgent(standIn, (data, name) => this.#sign(identity, data, name))
      return { type: 'agent', username: this.#host.user, agent }
    }
    return null
  }

  async #reveal(identity: Identity): Promise<Identity['publicKey']> {
    try {
      return await identity.reveal()
    } catch (error) {
      this.#keep(identity, error, false)
      return null
    }
  }

  /** RSA has two names; the first that the server takes, when it says which. */
  #algorithmFor(allowed: string[]): string | undefined {
    const taken = this.#serverAlgorithms
    return allowed.find((name) => taken === null || taken.includes(plainType(name))) ?? allowed[0]
  }

  async #sign(identity: Identity, data: Buffer, algorithm: string): Promise<Buffer> {
    const stop = identity.isInAgent ? this.#showSoon(agentQuestion(identity), AGENT_PATIENCE_MS) : () => {}
    try {
      const signature = await identity.sign(data, plainType(algorithm))
      // Who hangs up meanwhile gets nothing more.
      return this.#over.signal.aborted ? await new Promise<never>(() => {}) : signature
    } catch (error) {
      this.#keep(identity, error, true)
      throw error
    } finally {
      stop()
    }
  }

  #keep(identity: Identity, error: unknown, wasWanted: boolean): void {
    if (!(error instanceof ProblemError)) this.#notes.push(`${identity.from} did not sign.`)
    else if (!this.#keyProblem || wasWanted) this.#keyProblem = { problem: error.problems[0]!, wasWanted }
  }

  async #password(): Promise<AnyAuthMethod | null> {
    const { user, name, hostname } = this.#host
    const question: Question = {
      kind: 'password',
      summary: `${name} wants the password of ${user}`,
      fields: [{ text: `${user}@${hostname}'s password:`, echo: false }],
    }
    const password = await this.#passwords.next(question, this.#asking())
    if (this.#passwords.isPersonNeeded) this.#needs.push(`the password of ${user}`)
    return password === null ? null : { type: 'password', username: user, password }
  }

  #interactive(): AnyAuthMethod | null {
    if (!this.#options.ask && this.#host.password === null) {
      this.#needs.push('answers to its questions')
      return null
    }
    if (!this.#rounds.begin()) return null
    const prompt = (
      name: string,
      instruction: string,
      _language: string,
      prompts: Round['prompts'],
      respond: (answers: string[]) => void,
    ) => void this.#answer({ name, instruction, prompts }, respond)
    return { type: 'keyboard-interactive', username: this.#host.user, prompt } as AnyAuthMethod
  }

  async #answer(round: Round, respond: (answers: string[]) => void): Promise<void> {
    this.#question.abort()
    this.#question = new AbortController()
    const { signal } = this.#question
    const answer = await this.#rounds.answer(round, this.#asking()).catch(() => null)
    if (answer === null || signal.aborted || this.#over.signal.aborted) return
    if ('answers' in answer) {
      this.#rounds.sent(round)
      return respond(answer.answers)
    }
    if (answer.unanswered !== null) this.#needs.push(`an answer to: ${answer.unanswered}`)
    this.giveUp()
  }

  #asking(): AbortSignal {
    return AbortSignal.any([this.#options.signal, this.#question.signal])
  }

  /** Shows something that wants no answer, until the returned function is called or the login goes on. */
  #showSoon(question: Question, delayMs: number): () => void {
    const shown = new AbortController()
    const signal = AbortSignal.any([this.#asking(), this.#over.signal, shown.signal])
    const show = () => void this.#options.ask?.(question, signal).catch(() => {})
    const timer = setTimeout(show, delayMs)
    signal.addEventListener('abort', () => clearTimeout(timer), { once: true })
    return () => shown.abort()
  }

  /** How often what was not a key was tried. */
  #told(): string[] {
    const often = (tries: number) => (tries === 1 ? 'once' : `${tries} times`)
    const lines: [string, number][] = [
      ['keyboard-interactive', this.#rounds.tries],
      ['A password', this.#passwords.tries],
    ]
    return lines.flatMap(([what, tries]) => (tries > 0 ? [`${what} was tried ${often(tries)}.`] : []))
  }
}

function orderOf({ preferredAuthentications }: WantedHost): Method[] {
  const names: string[] = preferredAuthentications?.split(',').map((name) => name.trim()) ?? [...METHODS]
  return names.flatMap((name) => METHODS.find((method) => method === name) ?? [])
}

function agentQuestion({ from, publicKey }: Identity): Question {
  const key = publicKey ? describeKey(publicKey, from) : from
  return {
    kind: 'passphrase',
    summary: `The agent waits for you: touch the security key, or confirm the use of ${key}`,
    fields: [],
  }
}
