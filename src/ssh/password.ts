// The passwords that one attempt at a login may use, in order: that of password_env, the one a person gave before,
// one that is asked for. For the method `password`, and for a server that asks for one by keyboard-interactive.

import type { Ask, Question } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { secrets } from './secrets.ts'

export class Passwords {
  readonly #host: WantedHost
  readonly #ask: Ask | undefined
  #tries = 0
  #isVariableUsed = false
  #wasRefused = false
  #isPersonNeeded = false

  constructor(host: WantedHost, ask: Ask | undefined) {
    this.#host = host
    this.#ask = ask
  }

  /** Null: there is none, or as many as ssh would try were refused. `question` is for the person. */
  async next(question: Question, signal: AbortSignal): Promise<string | null> {
    if (this.#tries >= this.#host.numberOfPasswordPrompts) return null
    const password =
      this.#fromVariable() ?? secrets.password(this.#host) ?? (await this.#asked(question, signal))
    if (password !== null) this.#tries += 1
    return password
  }

  /** The last one was: it is never sent again by itself. */
  refused(): void {
    this.#wasRefused = true
    secrets.forgetPassword(this.#host)
  }

  /** Nobody said one. Where one was refused, that is what a person should hear. */
  get isPersonNeeded(): boolean {
    return this.#isPersonNeeded && !this.#wasRefused
  }

  /** What the variable of password_env holds is not it. */
  get isVariableRefused(): boolean {
    return this.#wasRefused && this.#isVariableUsed && this.#host.password !== null
  }

  get tries(): number {
    return this.#tries
  }

  #fromVariable(): string | null {
    if (this.#isVariableUsed) return null
    this.#isVariableUsed = true
    return this.#host.password
  }

  /** Kept at once: who answers when the server has hung up has not answered in vain. */
  async #asked(question: Question, signal: AbortSignal): Promise<string | null> {
    const again = this.#wasRefused ? { detail: 'The last one was refused.' } : {}
    const [answer = null] = (await this.#ask?.({ ...question, ...again }, signal)) ?? []
    this.#isPersonNeeded = answer === null
    if (answer !== null) secrets.keepPassword(this.#host, answer)
    return answer
  }
}
