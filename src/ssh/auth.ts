// Proving who we are to a server, as ssh does (sshconnect2.c): which method comes next, with which key or password, and
// what the server said to each. Keys are key-offers.ts's, what is told in the end auth-problem.ts's.

import type { AnyAuthMethod } from 'ssh2'
import type { Problem } from '../model/problem.ts'
import type { Question } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { agentProblem, authProblem } from './auth-problem.ts'
import type { CredentialOptions, Credentials } from './credentials.ts'
import type { SessionProof } from './internals/key-exchange.ts'
import type { OfferedKey } from './internals/offer-keys.ts'
import { KeyOffers } from './key-offers.ts'
import { KeyboardInteractive, questionOf, type Round } from './keyboard-interactive.ts'
import { Passwords } from './password.ts'
import { printable } from './printable.ts'

/** More ways to log in than any server has. */
const MOST_METHODS = 10

/** PreferredAuthentications of ssh_config(5), without what ssh2 cannot do: gssapi-with-mic and hostbased. */
const METHODS = ['publickey', 'keyboard-interactive', 'password'] as const
type Method = (typeof METHODS)[number]

/** One attempt's state. */
export class Authentication {
  /** Called when nothing is left in the midst of a method. */
  giveUp: () => void = () => {}
  /** How the connection offers keys; see internals/offer-keys.ts. */
  offerKey: (key: OfferedKey) => unknown = () => null
  /** What an agent may want to see before it signs. */
  session: SessionProof | null = null
  readonly #host: WantedHost
  readonly #options: CredentialOptions
  readonly #order: Method[]
  readonly #passwords: Passwords
  readonly #rounds: KeyboardInteractive
  readonly #keys: KeyOffers
  readonly #passed: Method[] = []
  readonly #notes: string[]
  readonly #needs: string[] = []
  #isPasswordExpired = false
  #methods: string[] = []
  #trying: 'none' | Method | null = null
  /** Ends what a person is asked when the server has gone on without the answer. */
  #question = new AbortController()
  readonly #over = new AbortController()

  constructor(host: WantedHost, credentials: Credentials, options: CredentialOptions) {
    this.#host = host
    this.#options = options
    this.#order = orderOf(host)
    this.#passwords = new Passwords(host, options.ask)
    this.#rounds = new KeyboardInteractive(host, this.#passwords, options.ask)
    this.#keys = new KeyOffers({
      user: host.user,
      credentials,
      offerKey: (key) => this.offerKey(key),
      session: () => this.session,
      showSoon: (question, delayMs) => this.#showSoon(question, delayMs),
      over: this.#over.signal,
    })
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
    this.#keys.serverAlgorithms = algorithms
  }

  /** It wants another password to be set (RFC 4252 8), which is no matter for a tunnel. */
  passwordExpired(): void {
    this.#isPasswordExpired = true
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

  /** What the time ran out for, where only a person could have gone on. */
  get lateProblem(): Problem | null {
    const agent = this.#keys.waitsFor
    return agent && agentProblem(this.#host, agent)
  }

  /** What the server took, or was offered last: `publickey ssh-ed25519 SHA256:… (/home/me/.ssh/id)`, `password`. */
  get way(): string {
    const key = this.#trying === 'publickey' ? this.#keys.tried.at(-1) : undefined
    const last = key ? `publickey ${key}` : this.#trying
    return [...this.#passed, ...(last ? [last] : [])].join(', then ')
  }

  /** What the server said last. */
  get takes(): { methods: readonly string[]; hasBegun: boolean } {
    return { methods: this.#methods, hasBegun: this.#passed.length > 0 }
  }

  /** Why the server did not let us in; `said` is the server's own last word. */
  problem(said: string | null): Problem {
    return authProblem({
      host: this.#host,
      methods: this.#methods,
      tried: this.#keys.tried,
      told: this.#told(),
      passed: this.#passed,
      notes: [...this.#notes, ...this.#keys.notes],
      needs: this.#needs,
      keyProblem: this.#keys.trouble,
      isPasswordExpired: this.#isPasswordExpired,
      isVariableRefused: this.#passwords.isVariableRefused,
      said,
    })
  }

  #listen(methods: readonly string[]): void {
    this.#methods = methods.slice(0, MOST_METHODS).map((method) => printable(method, 60))
  }

  #passedOne(): void {
    if (this.#trying && this.#trying !== 'none') this.#passed.push(this.#trying)
    if (this.#trying === 'publickey') this.#keys.passed()
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
        return this.#keys.next()
      case 'keyboard-interactive':
        return this.#interactive()
      case 'password':
        return this.#password()
    }
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
