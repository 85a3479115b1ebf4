// Whether the key that a server shows is the right one. Everything that decides is read before the connection
// is made, so that the verdict inside the handshake is synchronous; the rules of known_hosts are in known-hosts.ts.

import { isAbsolute } from 'node:path'
import { readBounded } from '../files/bounded-read.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { appendKnownHost } from './append-known-host.ts'
import {
  contradictionProblem,
  fingerprint,
  notPinnedProblem,
  refusalProblem,
  takenProblem,
} from './host-key-problem.ts'
import {
  judge,
  type KnownHost,
  knownTypes,
  lookupNames,
  MAX_KNOWN_HOSTS_BYTES,
  matchesHost,
  parseKnownHosts,
  typeInside,
  type Verdict,
} from './known-hosts.ts'

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

/**
 * What is wrong with the `host_keys` of a host by the user's own known_hosts: the host stands there and one of these does
 * not, or one is revoked. A single new key is enough, because each of them alone lets a server in. `ownAlias`: the
 * HostKeyAlias of the user's own ssh configuration; one of the file would else choose where there is nothing to contradict.
 * Null: nothing speaks against them. Never rejects.
 */
export async function contradictsKnownHosts(
  host: WantedHost,
  ownAlias: string | null,
): Promise<Problem | null> {
  if (!host.hostKeys) return null
  const pins = pinsOf(host.hostKeys)
  const { entries } = await loadKnownHosts(host)
  for (const alias of new Set([host.hostKeyAlias, ownAlias])) {
    const names = lookupNames(host.hostname, host.port, alias)
    const lines = names.map((name) => entries.filter(({ hosts }) => matchesHost(name, hosts)))
    const problem = revokedPin(host, pins, names[0]!, lines.flat()) ?? unknownPin(host, pins, lines)
    if (problem) return problem
  }
  return null
}

function revokedPin(
  host: WantedHost,
  pins: ReadonlySet<string>,
  name: string,
  lines: KnownHost[],
): Problem | null {
  const entry = lines.find(({ marker, key }) => marker === 'revoked' && pins.has(fingerprint(key)))
  if (!entry) return null
  return refusalProblem(host, { name, key: entry.key, verdict: { kind: 'revoked', entry }, unread: [] })
}

/** `lines`: of each name that is looked up; as for ssh, the first that is on file decides. */
function unknownPin(host: WantedHost, pins: ReadonlySet<string>, lines: KnownHost[][]): Problem | null {
  const plain = lines.map((some) => some.filter(({ marker }) => marker === 'none'))
  const known = plain.find(({ length }) => length > 0) ?? []
  const prints = new Set(known.map(({ key }) => fingerprint(key)))
  const foreign = [...pins].filter((pin) => !prints.has(pin))
  return known[0] && foreign.length > 0 ? contradictionProblem(host, known[0], foreign) : null
}

/** The lines that vouch for a host, in the order of the files. Never rejects. */
export async function linesFor(host: WantedHost): Promise<KnownHost[]> {
  const { entries } = await loadKnownHosts(host)
  const names = lookupNames(host.hostname, host.port, host.hostKeyAlias)
  const matching = names.map((name) => entries.filter(({ hosts }) => matchesHost(name, hosts)))
  const found = matching
    .map((list) => list.filter(({ marker }) => marker === 'none'))
    .find(({ length }) => length > 0)
  return (found ?? []).filter(({ key }) => judge(entries, names, key).kind === 'known')
}

/** Everything that known_hosts says of a host, as a text: equal where nothing about it has changed. Never rejects. */
export async function knownOf(host: WantedHost): Promise<string> {
  const names = lookupNames(host.hostname, host.port, host.hostKeyAlias)
  const { entries, unread } = await loadKnownHosts(host)
  const matching = entries.filter(({ hosts }) => names.some((name) => matchesHost(name, hosts)))
  const lines = matching.map(({ marker, hosts, key }) => `${marker} ${hosts} ${key.toString('base64')}`)
  return [...lines, ...unread].join('\n')
}

/** `unread`: why files could not be looked at, a sentence each. */
interface KnownHosts {
  entries: KnownHost[]
  unread: string[]
}

async function loadKnownHosts(host: WantedHost): Promise<KnownHosts> {
  const files = [...host.userKnownHostsFiles, ...host.globalKnownHostsFiles]
  const read = await Promise.all(files.filter(isFile).map(readKnownHosts))
  return {
    entries: read.flatMap(({ entries }) => entries),
    unread: read.flatMap(({ unread }) => unread ?? []),
  }
}

/** `none` of ssh_config(5) is no file, and must not become one in whatever folder we are. */
function isFile(path: string): boolean {
  return isAbsolute(path)
}

/** `unread`: in one sentence, why it could not be looked at. */
interface KnownHostsFile {
  entries: KnownHost[]
  unread: string | null
}

async function readKnownHosts(file: string): Promise<KnownHostsFile> {
  const read = await readBounded(file, MAX_KNOWN_HOSTS_BYTES)
  if (read.kind === 'missing') return { entries: [], unread: null }
  if (read.kind === 'unreadable') return { entries: [], unread: `${file} ${read.why}.` }
  if (read.isCut) return { entries: [], unread: `${file} is larger than 32 MiB and was not read.` }
  return { entries: parseKnownHosts(read.bytes.toString('utf8'), file), unread: null }
}

/** `host_keys` of the file alone decide. */
class PinnedCheck implements HostKeyCheck {
  readonly stranger = null
  readonly knownTypes: ReadonlySet<string>
  problem: Problem | null = null
  #host: WantedHost
  #pins: Set<string>
  #hasAccepted = false

  constructor(host: WantedHost, hostKeys: string[]) {
    this.#host = host
    this.#pins = pinsOf(hostKeys)
    this.knownTypes = new Set(wholeKeys(hostKeys).flatMap((key) => typeInside(key) ?? []))
  }

  get accepted(): boolean {
    return this.#hasAccepted && this.problem === null
  }

  accept(key: Buffer): boolean {
    if (this.#pins.has(fingerprint(key))) {
      this.#hasAccepted = true
      return true
    }
    this.problem = notPinnedProblem(this.#host, key, [...this.#pins])
    return false
  }

  async remember(): Promise<null> {
    return null
  }
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

/** Fingerprints of `host_keys`, whichever way each is written. */
function pinsOf(hostKeys: readonly string[]): Set<string> {
  const fingerprints = hostKeys.filter((line) => line.startsWith('SHA256:'))
  return new Set([
    ...fingerprints.map((line) => line.replace(/=+$/, '')),
    ...wholeKeys(hostKeys).map(fingerprint),
  ])
}

function wholeKeys(hostKeys: readonly string[]): Buffer[] {
  return hostKeys.filter((line) => !line.startsWith('SHA256:')).map(keyOfLine)
}

/** `ssh-ed25519 AAAA… comment`, or a known_hosts line's worth of it. */
function keyOfLine(line: string): Buffer {
  const words = line.trim().split(/\s+/)
  return Buffer.from(words.find((word) => word.startsWith('AAAA')) ?? '', 'base64')
}
