// What a person has said, kept in the memory of this process so that a reconnect needs nobody: keys that a passphrase
// opened, passwords that were not refused, answers that came too late. Never shown, never written anywhere.

import { createHash, type KeyObject } from 'node:crypto'
import type { WantedHost } from '../model/wanted.ts'

class Secrets {
  readonly #keys = new Bounded<KeyObject>()
  readonly #passwords = new Bounded<Buffer>((password) => password.fill(0))
  readonly #answers = new Bounded<Buffer[]>((answers) => answers.forEach((answer) => void answer.fill(0)))
  readonly #waiting = new Map<string, Set<(key: KeyObject) => void>>()

  /** `file`: see `fileIdentity`; a changed file is another key. */
  key(file: string): KeyObject | null {
    return this.#keys.get(file)
  }

  keepKey(file: string, key: KeyObject): void {
    this.#keys.set(file, key)
    for (const tell of this.#waiting.get(file) ?? []) tell(key)
  }

  /** Calls once a key is kept for that file, which somebody else may have been asked for. Returns its stop. */
  whenKept(file: string, tell: (key: KeyObject) => void): () => void {
    const waiting = this.#waiting.get(file) ?? new Set()
    this.#waiting.set(file, waiting.add(tell))
    return () => {
      waiting.delete(tell)
      if (waiting.size === 0) this.#waiting.delete(file)
    }
  }

  /** A copy, to be zeroed by whoever got it. */
  password(host: WantedHost): string | null {
    return this.#passwords.get(accountOf(host))?.toString() ?? null
  }

  keepPassword(host: WantedHost, password: string): void {
    this.#passwords.set(accountOf(host), Buffer.from(password))
  }

  forgetPassword(host: WantedHost): void {
    this.#passwords.delete(accountOf(host))
  }

  /** Answers that no server has seen yet. */
  keepAnswers(host: WantedHost, question: string, answers: string[]): void {
    const bytes = answers.map((answer) => Buffer.from(answer))
    this.#answers.set(accountOf(host, question), bytes)
  }

  /** Only once: a code is used up by being sent. */
  takeAnswers(host: WantedHost, question: string): string[] | null {
    const answers = this.#answers.get(accountOf(host, question))?.map((answer) => answer.toString()) ?? null
    this.#answers.delete(accountOf(host, question))
    return answers
  }
}

export function fileIdentity(path: string, text: string): string {
  return hash(['file', path, text])
}

/** More than any project has; the oldest goes first. */
const MOST = 1_000

class Bounded<T> {
  readonly #entries = new Map<string, T>()
  readonly #discard: (value: T) => void

  constructor(discard: (value: T) => void = () => {}) {
    this.#discard = discard
  }

  get(name: string): T | null {
    return this.#entries.get(name) ?? null
  }

  set(name: string, value: T): void {
    this.delete(name)
    this.#entries.set(name, value)
    const [oldest] = this.#entries.keys()
    if (this.#entries.size > MOST && oldest !== undefined) this.delete(oldest)
  }

  delete(name: string): void {
    const value = this.#entries.get(name)
    if (value !== undefined) this.#discard(value)
    this.#entries.delete(name)
  }
}

/** Whom the answer was meant for: an edit that leads elsewhere, or believes another key, asks again. */
function accountOf(host: WantedHost, question = ''): string {
  const { user, hostname, port, jump, hostKeys, hostKeyAlias, proxyCommand } = host
  return hash([
    'account',
    user,
    hostname,
    port,
    jump,
    hostKeys,
    hostKeyAlias,
    proxyCommand?.command,
    question,
  ])
}

function hash(parts: unknown[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex')
}

/** One for the process, which is one supervisor: it ends with it. */
export const secrets = new Secrets()
