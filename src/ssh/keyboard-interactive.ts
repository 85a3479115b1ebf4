// What a server asks in rounds (RFC 4256): second factors, codes, passwords. Its texts are cleaned and bounded before
// a person sees them; a question for the password alone is answered with the password.

import type { Ask, Question } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { Passwords } from './password.ts'
import { printable } from './printable.ts'
import { secrets } from './secrets.ts'

export interface Round {
  name: string
  instruction: string
  prompts: { prompt: string; echo?: boolean | undefined }[]
}

/** `unanswered`: what nobody said; null where all that could be said was refused. */
export type Answer = { answers: string[] } | { unanswered: string | null }

const MOST_PROMPTS = 32
const MOST_ROUNDS = 10

export class KeyboardInteractive {
  readonly #host: WantedHost
  readonly #passwords: Passwords
  readonly #ask: Ask | undefined
  #rounds = 0
  #tries = 0
  #hasUsedPassword = false
  #wasAsked = false

  constructor(host: WantedHost, passwords: Passwords, ask: Ask | undefined) {
    this.#host = host
    this.#passwords = passwords
    this.#ask = ask
  }

  /** False: as often as ssh would begin it, it was refused; at once where the server has asked nothing. */
  begin(): boolean {
    const isLast = this.#tries >= this.#host.numberOfPasswordPrompts
    if (isLast || (this.#tries > 0 && !this.#wasAsked)) return false
    this.#rounds = 0
    this.#hasUsedPassword = false
    this.#tries += 1
    return true
  }

  /** An answer to each prompt, in order. Codes are used once; what a person said too late waits for the same question. */
  async answer(round: Round, signal: AbortSignal): Promise<Answer> {
    if (this.exceeds(round)) return { unanswered: null }
    if (round.prompts.length === 0) return { answers: [] }
    const question = questionOf(this.#host, round)
    if (asksForPassword(round)) {
      this.#hasUsedPassword = true
      const password = await this.#passwords.next(question, signal)
      if (password !== null) return { answers: [password] }
      return this.#passwords.isPersonNeeded ? nobodySaid(question) : { unanswered: null }
    }
    const text = JSON.stringify(question)
    const kept = secrets.takeAnswers(this.#host, text)
    if (kept) return { answers: kept }
    const answers = (await this.#ask?.(question, signal)) ?? null
    if (answers === null) return nobodySaid(question)
    secrets.keepAnswers(this.#host, text, answers)
    return { answers }
  }

  /** To be called when the answers go out: they are used up. */
  sent(round: Round): void {
    secrets.takeAnswers(this.#host, JSON.stringify(questionOf(this.#host, round)))
  }

  refused(): void {
    if (this.#hasUsedPassword) this.#passwords.refused()
  }

  get tries(): number {
    return this.#tries
  }

  /** Counts the round. */
  exceeds({ prompts }: Round): boolean {
    this.#wasAsked = true
    this.#rounds += 1
    return this.#rounds > MOST_ROUNDS || prompts.length > MOST_PROMPTS
  }
}

/** What the server says, for a person; without fields where it wants nothing but to be read. */
export function questionOf(host: WantedHost, { name, instruction, prompts }: Round): Question {
  const detail = [name, instruction].map(cleanLines).filter((text) => text !== '')
  return {
    kind: 'keyboard_interactive',
    summary: `${host.name} asks ${host.user}`,
    ...(detail.length > 0 ? { detail: detail.join('\n') } : {}),
    fields: prompts.map(({ prompt, echo }) => ({ text: printable(prompt.trim(), 200), echo: echo === true })),
  }
}

function asksForPassword({ prompts }: Round): boolean {
  const [only] = prompts
  if (prompts.length !== 1 || !only || only.echo) return false
  return /pass ?wor[dt]|kennwort|mot de passe/i.test(only.prompt) && !OTHER_SECRET.test(only.prompt)
}

/** A code that is good for once, or a step of changing the password. */
const OTHER_SECRET = /one.?time|\botp\b|token|code|new|current|retype|again|change/i

function nobodySaid({ fields }: Question): Answer {
  return { unanswered: fields.map(({ text }) => text).join(' · ') }
}

function cleanLines(text: string): string {
  const lines = text.slice(0, 2_000).split(/\r?\n/).slice(0, 20)
  return lines
    .map((line) => printable(line, 200))
    .join('\n')
    .trim()
}
