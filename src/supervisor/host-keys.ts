// What is known of the keys of a project's hosts: from known_hosts, or from the servers themselves. The way to a server
// behind a jump host leads through a login there.

import type { Carrier } from '../forward/carrier.ts'
import type { FoundKey, HostKeysFound } from '../model/host-keys.ts'
import { type Problem, problemOf } from '../model/problem.ts'
import type { Ask } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import { connect } from '../ssh/connect.ts'
import { fingerprint } from '../ssh/host-key-problem.ts'
import { typeInside } from '../ssh/known-hosts.ts'
import { linesFor } from '../ssh/known-hosts-files.ts'
import { scanHostKeys } from '../ssh/scan-host-keys.ts'

export interface Asking {
  /** Whether the servers are asked, instead of known_hosts. */
  scan: boolean
  /** For the logins to jump hosts. */
  ask?: Ask
  signal: AbortSignal
}

type Hosts = ReadonlyMap<string, WantedHost>

/** In the order of `names`, each of which is one of `hosts`. Rejects only with the signal's reason. */
export async function findHostKeys(
  hosts: Hosts,
  names: readonly string[],
  { scan, ask, signal }: Asking,
): Promise<HostKeysFound[]> {
  const found: HostKeysFound[] = []
  const carriers = new Carriers(hosts, { ...(ask && { ask }), signal })
  try {
    for (const name of names) {
      const host = hosts.get(name)!
      const look = scan ? scanned(host, carriers, signal) : onFile(host)
      found.push(await look.catch((error) => without(host, signal, error)))
    }
    return found
  } finally {
    carriers.close()
  }
}

async function onFile(host: WantedHost): Promise<HostKeysFound> {
  const lines = await linesFor(host)
  const keys = lines.map(({ key, file, line }) => foundKey(key, { file, line }))
  return { ...nameOf(host), keys, problem: keys.length > 0 ? null : nothingOnFile(host) }
}

async function scanned(host: WantedHost, carriers: Carriers, signal: AbortSignal): Promise<HostKeysFound> {
  const keys = await scanHostKeys(host, { ...(await carriers.wayTo(host)), signal })
  return { ...nameOf(host), keys: keys.map((key) => foundKey(key, null)), problem: null }
}

function without(host: WantedHost, signal: AbortSignal, error: unknown): HostKeysFound {
  signal.throwIfAborted()
  return { ...nameOf(host), keys: [], problem: problemOf(error) }
}

/** `db via gate` is `db` in the file. */
function nameOf({ name, hostname, port, user }: WantedHost) {
  return { name: name.split(' via ')[0]!, hostname, port, user }
}

function foundKey(key: Buffer, at: FoundKey['at']): FoundKey {
  const type = typeInside(key) ?? ''
  return { type, fingerprint: fingerprint(key), line: `${type} ${key.toString('base64')}`, at }
}

function nothingOnFile({ name }: WantedHost): Problem {
  return {
    code: 'HOST_KEY_UNKNOWN',
    summary: `No known_hosts file has a key for ${name}`,
    hint: '`tunnels hostkeys --scan` asks the server; whether its answer is right, only its owner can say',
  }
}

/** Connections to jump hosts, each made once. */
class Carriers {
  readonly #hosts: Hosts
  readonly #options: { ask?: Ask; signal: AbortSignal }
  readonly #made = new Map<string, Promise<Carrier>>()

  constructor(hosts: Hosts, options: { ask?: Ask; signal: AbortSignal }) {
    this.#hosts = hosts
    this.#options = options
  }

  async wayTo({ jump, hostname, port }: WantedHost) {
    if (jump === null) return {}
    const carrier = await this.#carrierOf(jump)
    const target = { kind: 'tcp', host: hostname, port } as const
    const openStream = async (signal: AbortSignal) =>
      (await carrier.dial(target, { address: null, port: 0 }, signal)).stream
    return { openStream }
  }

  close(): void {
    for (const carrier of this.#made.values())
      carrier.then(
        (made) => made.close(),
        () => {},
      )
  }

  #carrierOf(name: string): Promise<Carrier> {
    const made = this.#made.get(name) ?? this.#make(this.#hosts.get(name)!)
    this.#made.set(name, made)
    return made
  }

  async #make(host: WantedHost): Promise<Carrier> {
    return connect(host, { ...(await this.wayTo(host)), ...this.#options })
  }
}
