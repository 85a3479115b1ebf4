// Proving who we are to a server: one key after another, and what a refusal says. Public keys only; which
// keys there are, and in which order, is credentials.ts's.

import ssh2, { type AnyAuthMethod, type ParsedKey, type SigningRequestOptions } from 'ssh2'
import type { Problem } from '../model/problem.ts'
import { formatEndpoint, type WantedHost } from '../model/wanted.ts'
import type { SignatureHash } from './agent.ts'
import type { Credentials, Identity } from './credentials.ts'
import { howToSet } from './host-in-file.ts'
import { fingerprint } from './host-key-problem.ts'
import { printable } from './printable.ts'

/** More ways to log in than any server has. */
const MOST_METHODS = 10

/** One attempt's state: what was offered and what the server said to it. */
export class Authentication {
  readonly #host: WantedHost
  readonly #credentials: Credentials
  readonly #tried: string[] = []
  readonly #notes: string[]
  #left: Identity[]
  #methods: string[] = []
  #begun = false
  #partial = false
  #passphraseFor: string | null = null
  #serverAlgorithms: string[] | null = null

  constructor(host: WantedHost, credentials: Credentials) {
    this.#host = host
    this.#credentials = credentials
    this.#left = allowsPublicKey(host) ? [...credentials.identities] : []
    this.#notes = [...credentials.notes]
    if (!allowsPublicKey(host)) this.#notes.push('preferred_authentications leaves publickey out.')
  }

  /** What to try next; false: nothing is left. `none` comes first, to hear what the server takes (RFC 4252 5.2). */
  next(methods: readonly string[] | null): AnyAuthMethod | false {
    const username = this.#host.user
    if (!this.#begun) {
      this.#begun = true
      return { type: 'none', username }
    }
    if (this.#methods.length === 0) this.refused([...(methods ?? [])], false)
    const identity = this.#methods.includes('publickey') ? this.#left.shift() : undefined
    if (!identity) return false
    this.#tried.push(describe(identity))
    return { type: 'agent', username, agent: new OneKeyAgent(identity, this) }
  }

  /** A USERAUTH_FAILURE: the methods that can go on, and whether what was tried counted. */
  refused(methods: string[], partial: boolean): void {
    this.#methods = methods.slice(0, MOST_METHODS).map((method) => printable(method, 60))
    this.#partial ||= partial
  }

  /** The server's `server-sig-algs` (RFC 8308 3.1). */
  serverTakes(algorithms: string[]): void {
    this.#serverAlgorithms = algorithms
  }

  /** RSA signs with SHA-2 or not at all, SHA-512 first as ssh does, whatever ssh2 makes of the server's silence. */
  rsaAlgorithm(): string {
    const allowed = this.#credentials.algorithms.filter((name) => name.startsWith('rsa-'))
    const taken = this.#serverAlgorithms
    return allowed.find((name) => taken === null || taken.includes(name)) ?? allowed[0] ?? 'rsa-sha2-512'
  }

  async sign(identity: Identity, data: Buffer, hash: SignatureHash): Promise<Buffer> {
    if (identity.encrypted) this.#passphraseFor = identity.from
    try {
      return await identity.sign(data, hash)
    } catch (error) {
      if (!identity.encrypted) this.#notes.push(`${identity.from} did not sign.`)
      throw error
    }
  }

  /** Why the server did not let us in; `said` is the server's own last word. */
  problem(said: string | null): Problem {
    const file = this.#passphraseFor ?? (this.#tried.length === 0 ? this.#credentials.locked[0] : undefined)
    if (this.#partial) return secondFactorProblem(this.#host, this.#methods)
    if (file) return passphraseProblem(this.#host, file, this.#detail(said))
    return {
      code: 'AUTH_FAILED',
      summary: `${this.#host.name} does not let ${this.#host.user} in`,
      detail: this.#detail(said),
      hint: this.#hint(said),
    }
  }

  #detail(said: string | null): string {
    const offers = this.#methods.join(', ') || 'nothing'
    const tried = this.#tried.length > 0 ? `Keys tried:\n  ${this.#tried.join('\n  ')}` : 'No key was tried.'
    return [
      `${formatEndpoint(this.#host)} takes: ${offers}.`,
      tried,
      ...this.#notes,
      ...(said ? [said] : []),
    ].join('\n')
  }

  #hint(said: string | null): string {
    const { user } = this.#host
    if (said !== null && /too many/i.test(said))
      return `So that only the right key is offered, ${howToSet(this.#host, 'identities_only: true, identity_file: ~/.ssh/KEY')}`
    if (this.#methods.length > 0 && !this.#methods.includes('publickey'))
      return 'Only keys can be used so far: ask for a key to be set up on the server'
    if (this.#tried.length === 0)
      return `Load a key with \`ssh-add\`, or ${howToSet(this.#host, 'identity_file: ~/.ssh/KEY')}`
    return `Check the user name, and that one of these keys is in ${user}'s authorized_keys on the server`
  }
}

/** An agent that holds one key, so that each attempt is ours to choose and to count. */
class OneKeyAgent extends ssh2.BaseAgent<ParsedKey> {
  readonly #identity: Identity
  readonly #authentication: Authentication

  constructor(identity: Identity, authentication: Authentication) {
    super()
    this.#identity = identity
    this.#authentication = authentication
  }

  override getIdentities(callback: (error: undefined, keys: ParsedKey[]) => void): void {
    callback(undefined, [this.#identity.publicKey])
  }

  override sign(
    key: ParsedKey,
    data: Buffer,
    _options: SigningRequestOptions | ((error?: Error | null, signature?: Buffer) => void),
    callback: (error?: Error | null, signature?: Buffer) => void = () => {},
  ): void {
    const isSha256 = this.#authentication.rsaAlgorithm() === 'rsa-sha2-256'
    const hash = key.type === 'ssh-rsa' ? (isSha256 ? 'sha256' : 'sha512') : null
    this.#authentication.sign(this.#identity, data, hash).then(
      (signature) => callback(null, signature),
      (error: Error) => callback(error),
    )
  }
}

function allowsPublicKey(host: WantedHost): boolean {
  return host.preferredAuthentications?.split(',').some((name) => name.trim() === 'publickey') ?? true
}

function describe({ publicKey, from }: Identity): string {
  return `${publicKey.type} ${fingerprint(publicKey.getPublicSSH())} (${from})`
}

function passphraseProblem(host: WantedHost, file: string, detail: string): Problem {
  return {
    code: 'AUTH_NEEDS_PERSON',
    summary: `The key ${file} for ${host.name} is protected by a passphrase`,
    detail,
    hint: `Load it into the agent: \`ssh-add ${file}\``,
  }
}

function secondFactorProblem(host: WantedHost, methods: string[]): Problem {
  return {
    code: 'AUTH_NEEDS_PERSON',
    summary: `${host.name} took the key of ${host.user} and wants more: ${methods.join(', ')}`,
    hint: 'A second step cannot be answered yet: ask for an account that a key alone opens',
  }
}
