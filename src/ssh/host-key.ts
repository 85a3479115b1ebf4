// Whether the key that a server shows is the right one. Everything that decides is read before the connection
// is made, so that the verdict inside the handshake is synchronous; the rules of known_hosts are in known-hosts.ts.

import { constants } from 'node:fs'
import { type FileHandle, mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { openWithoutWaiting, readBounded } from '../files/bounded-read.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { fingerprint, notPinnedProblem, refusalProblem } from './host-key-problem.ts'
import {
  judge,
  type KnownHost,
  knownTypes,
  lookupNames,
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
  /** To be called after the server has proven that it holds the key: writes down a new one (accept-new, no). */
  remember(): Promise<void>
}

/** A hundred thousand hosts. */
const MAX_KNOWN_HOSTS_BYTES = 32 * 1024 * 1024

/** Reads the known_hosts files of `host`; a missing one is empty, as for ssh. Never rejects. */
export async function loadHostKeyCheck(host: WantedHost): Promise<HostKeyCheck> {
  if (host.hostKeys) return new PinnedCheck(host, host.hostKeys)
  const files = [...host.userKnownHostsFiles, ...host.globalKnownHostsFiles]
  return new KnownHostsCheck(host, await Promise.all(files.map(readKnownHosts)))
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
  readonly knownTypes: ReadonlySet<string>
  problem: Problem | null = null
  #host: WantedHost
  #pins: Set<string>
  #hasAccepted = false

  constructor(host: WantedHost, hostKeys: string[]) {
    const keys = hostKeys.filter((line) => !line.startsWith('SHA256:')).map(keyOfLine)
    this.#host = host
    this.#pins = new Set([
      ...hostKeys.filter((line) => line.startsWith('SHA256:')).map((line) => line.replace(/=+$/, '')),
      ...keys.map(fingerprint),
    ])
    this.knownTypes = new Set(keys.flatMap((key) => typeInside(key) ?? []))
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

  async remember(): Promise<void> {}
}

class KnownHostsCheck implements HostKeyCheck {
  readonly knownTypes: ReadonlySet<string>
  problem: Problem | null = null
  #host: WantedHost
  #entries: KnownHost[]
  #unread: string[]
  #names: string[]
  #accepted: Buffer | null = null
  #isNew = false

  constructor(host: WantedHost, files: readonly KnownHostsFile[]) {
    this.#host = host
    this.#entries = files.flatMap(({ entries }) => entries)
    this.#unread = files.flatMap(({ unread }) => unread ?? [])
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
    // What could not be read may say otherwise: then only a key that is on file is good enough.
    const strict = this.#unread.length > 0 ? 'yes' : this.#host.strictHostKeyChecking
    if (!isAcceptable(verdict, strict)) {
      this.problem = refusalProblem(this.#host, { name: this.#names[0]!, key, verdict, unread: this.#unread })
      return false
    }
    this.#accepted = Buffer.from(key)
    this.#isNew = verdict.kind === 'unknown'
    return true
  }

  async remember(): Promise<void> {
    const file = this.#host.userKnownHostsFiles[0]
    if (!this.#accepted || !this.#isNew || !file) return
    this.#isNew = false
    await appendKnownHost(file, this.#names[0]!, this.#accepted)
  }
}

function isAcceptable(verdict: Verdict, strict: WantedHost['strictHostKeyChecking']): boolean {
  switch (verdict.kind) {
    case 'known':
      return true
    case 'unknown':
      return strict === 'accept-new' || strict === 'no'
    // Unlike ssh, whose `no` goes on with a warning that nobody behind a supervisor would read.
    case 'changed':
    case 'revoked':
      return false
  }
}

/** Best effort, as ssh: a file that cannot be written does not end the connection. */
async function appendKnownHost(file: string, name: string, key: Buffer): Promise<void> {
  let handle: FileHandle | undefined
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 })
    handle = await openWithoutWaiting(file, APPEND, 0o600)
    const line = `${name} ${typeInside(key)} ${key.toString('base64')}\n`
    await handle.appendFile((await lacksLineFeed(handle)) ? `\n${line}` : line)
  } catch {
    // The key is asked about again next time.
  } finally {
    await handle?.close()
  }
}

const APPEND = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND

async function lacksLineFeed(handle: FileHandle): Promise<boolean> {
  const { size } = await handle.stat()
  if (size === 0) return false
  const { buffer } = await handle.read(Buffer.alloc(1), 0, 1, size - 1)
  return buffer.toString('latin1') !== '\n'
}

/** `ssh-ed25519 AAAA… comment`, or a known_hosts line's worth of it. */
function keyOfLine(line: string): Buffer {
  const words = line.trim().split(/\s+/)
  return Buffer.from(words.find((word) => word.startsWith('AAAA')) ?? '', 'base64')
}
