// Whether the key that a server shows is the right one. Everything that decides is read before the connection
// is made, so that the verdict inside the handshake is synchronous; the rules of known_hosts are in known-hosts.ts.

import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { appendKnownHost } from './append-known-host.ts'
import { refusalProblem, takenProblem } from './host-key-problem.ts'
import { judge, type KnownHost, knownTypes, lookupNames, type Verdict } from './known-hosts.ts'
import { isFile, type KnownHosts, loadKnownHosts } from './known-hosts-files.ts'
import { PinnedCheck } from './pinned-keys.ts'

/** One attempt's judge. `accept` is called by the handshake, again at each rekey. */
export interface HostKeyCheck {
  /** Key types (`ssh-ed25519`) that are on file: to be asked of the server first. */
  readonly knownTypes: ReadonlySet<string>
  /** Synchronous; true only for a key that may be trusted. Never throws. */
  accept(key: Buffer): boolean
  /** True only after `accept` has said yes, and never no. */
  readonly accepted: boolean
  /** Why the last key was not accepted. */
  readonly problem: Problem | null
  /** The key that was not accepted, where a person may decide about it (StrictHostKeyChecking ask). */
  readonly stranger: Stranger | null
  /**
   * To be called after the server has proven that it holds the key: writes down a new one. What a person should know
   * about how it was taken. Never rejects.
   */
  remember(): Promise<Problem | null>
}

/** A key that nobody knows. */
export interface Stranger {
  key: Buffer
  /** A @cert-authority line covers the host. */
  authority: boolean
  /** Lines that have the key under other names. */
  elsewhere: KnownHost[]
}

/**
 * Reads the known_hosts files of `host`; a missing one is empty, as for ssh. `approved`: a key that a person has said
 * yes to, taken as long as nothing on file speaks against it. Never rejects.
 */
export async function loadHostKeyCheck(
  host: WantedHost,
  approved: Buffer | null = null,
): Promise<HostKeyCheck> {
  if (host.hostKeys) return new PinnedCheck(host, host.hostKeys)
  return new KnownHostsCheck(host, await loadKnownHosts(host), approved)
}

class KnownHostsCheck implements HostKeyCheck {
  readonly knownTypes: ReadonlySet<string>
  problem: Problem | null = null
  stranger: Stranger | null = null
  #host: WantedHost
  #entries: KnownHost[]
  readonly #unread: readonly string[]
  #approved: Buffer | null
  #names: string[]
  #accepted: Buffer | null = null
  #isNew = false

  constructor(host: WantedHost, { entries, unread }: KnownHosts, approved: Buffer | null) {
    this.#host = host
    this.#entries = entries
    this.#unread = unread
    this.#approved = approved
    this.#names = lookupNames(host.hostname, host.port, host.hostKeyAlias)
    this.knownTypes = knownTypes(this.#entries, this.#names)
  }

  get accepted(): boolean {
    return this.#accepted !== null && this.problem === null
  }

  accept(key: Buffer): boolean {
    // A rekey must show the key that the connection began with.
    if (this.#accepted) return this.#accepted.equals(key)
    const verdict = judge(this.#entries, this.#names, key)
    if (!this.#isAcceptable(verdict, key)) {
      this.problem = refusalProblem(this.#host, { name: this.#names[0]!, key, verdict, unread: this.#unread })
      this.stranger = this.#strangerOf(verdict, key)
      return false
    }
    this.#accepted = Buffer.from(key)
    this.#isNew = verdict.kind === 'unknown'
    return true
  }

  async remember(): Promise<Problem | null> {
    const file = this.#host.userKnownHostsFiles.find(isFile)
    const key = this.#accepted
    if (!key || !this.#isNew) return null
    this.#isNew = false
    const entry = { name: this.#names[0]!, key, hashed: this.#host.hashKnownHosts }
    const trouble = file ? await appendKnownHost(file, entry) : null
    if (trouble) return takenProblem(this.#host, key, `could not be written to ${file}: ${trouble}`)
    if (this.#host.strictHostKeyChecking !== 'no') return null
    return takenProblem(this.#host, key, 'was taken without a question (strict_host_key_checking: no)')
  }

  #isAcceptable(verdict: Verdict, key: Buffer): boolean {
    switch (verdict.kind) {
      case 'known':
        return true
      case 'unknown':
        // What could not be read may say otherwise.
        if (this.#unread.length > 0) return false
        if (this.#approved?.equals(key)) return true
        return ['accept-new', 'no'].includes(this.#host.strictHostKeyChecking)
      // Unlike ssh, whose `no` goes on with a warning that nobody behind a supervisor would read.
      case 'changed':
      case 'revoked':
        return false
    }
  }

  #strangerOf(verdict: Verdict, key: Buffer): Stranger | null {
    const isAsked = this.#host.strictHostKeyChecking === 'ask' && this.#unread.length === 0
    if (verdict.kind !== 'unknown' || !isAsked) return null
    const elsewhere = this.#entries.filter((entry) => entry.marker === 'none' && entry.key.equals(key))
    return { key: Buffer.from(key), authority: verdict.authority, elsewhere }
  }
}
