// The keys that a tunnels.yaml says of a host (`host_keys`): they alone decide, and its user's known_hosts may say otherwise.

import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { HostKeyCheck } from './host-key.ts'
import { contradictionProblem, fingerprint, notPinnedProblem, refusalProblem } from './host-key-problem.ts'
import { type KnownHost, lookupNames, matchesHost, typeInside } from './known-hosts.ts'
import { loadKnownHosts } from './known-hosts-files.ts'

/** `host_keys` of the file alone decide. */
export class PinnedCheck implements HostKeyCheck {
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
