// Follows the files that decided whether a host could be reached: keys and known hosts. A change of those wakes a
// host that rests because of them, and leaves every other alone: one that is open stays open, and a new line about
// somebody else brings no question back that was answered with no.

import type { Problem } from '../model/problem.ts'
import type { HostStatus } from '../model/status.ts'
import type { WantedHost } from '../model/wanted.ts'
import { knownOf } from '../ssh/known-hosts-files.ts'
import { type FileWatch, watchFiles } from './watch.ts'

/** What is needed of a Reconciler. */
export interface Hosts {
  snapshot(): { hosts: ReadonlyMap<string, WantedHost> }
  hosts(): HostStatus[]
  wakeHost(name: string): boolean
}

export class HostFiles {
  readonly #hosts: Hosts
  #watch: FileWatch | null = null
  #isStopped = false
  /** Files that changed, by the host that has not yet come to rest with them, or to a connection. */
  readonly #changed = new Map<string, Set<string>>()
  /** What known_hosts said of each host at the last look, by `lookupOf`. */
  readonly #known = new Map<string, string>()

  constructor(hosts: Hosts) {
    this.#hosts = hosts
  }

  /** To be called when hosts may have come, gone or changed. */
  async follow(): Promise<void> {
    const { hosts } = this.#hosts.snapshot()
    await this.#lookAtKnown(hosts)
    const files = [...new Set([...hosts.values()].flatMap(filesOf))].sort()
    if (this.#watch && files.join('\0') === this.#watch.files.join('\0')) return
    const seen = this.#watch?.seen
    await this.#watch?.stop()
    const onChange = (changed: string[]) => void this.#filesChanged(new Set(changed))
    this.#watch = await watchFiles(files, onChange, { ...(seen && { seen }) })
    if (this.#isStopped) await this.#watch.stop()
  }

  /** To be called when some host is in another state: an attempt that began with an old file may just have failed. */
  look(): void {
    if (this.#changed.size === 0) return
    for (const { name, state, problem, prompt } of this.#hosts.hosts()) {
      const files = this.#changed.get(name)
      if (!files || prompt || state === 'opening' || state === 'retrying') continue
      this.#changed.delete(name)
      const spec = this.#hosts.snapshot().hosts.get(name)
      const isDecided = spec && problem && deciding(spec, problem).some((file) => files.has(file))
      if (isDecided) this.#hosts.wakeHost(name)
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#watch?.stop()
  }

  /** Of hosts that were not looked at yet: what they failed by is what stands there now, or a change will tell. */
  async #lookAtKnown(hosts: ReadonlyMap<string, WantedHost>): Promise<void> {
    const lookups = new Map([...hosts.values()].map((spec) => [lookupOf(spec), spec]))
    for (const lookup of this.#known.keys()) if (!lookups.has(lookup)) this.#known.delete(lookup)
    const fresh = [...lookups].filter(([lookup]) => !this.#known.has(lookup))
    await Promise.all(fresh.map(async ([lookup, spec]) => this.#known.set(lookup, await knownOf(spec))))
  }

  async #filesChanged(changed: ReadonlySet<string>): Promise<void> {
    for (const [name, spec] of this.#hosts.snapshot().hosts) {
      const files = keyFilesOf(spec).filter((file) => changed.has(file))
      const known = knownHostsOf(spec).filter((file) => changed.has(file))
      if (known.length > 0 && (await this.#isNews(spec))) files.push(...known)
      if (files.length > 0) this.#changed.set(name, new Set([...(this.#changed.get(name) ?? []), ...files]))
    }
    this.look()
  }

  async #isNews(spec: WantedHost): Promise<boolean> {
    const now = await knownOf(spec)
    const isNews = now !== this.#known.get(lookupOf(spec))
    this.#known.set(lookupOf(spec), now)
    return isNews
  }
}

/** Whatever else is edited, the same lines of the same files are meant. */
function lookupOf(host: WantedHost): string {
  return [host.name, host.hostname, host.port, host.hostKeyAlias, ...knownHostsOf(host)].join('\0')
}

function filesOf(host: WantedHost): string[] {
  return [...keyFilesOf(host), ...knownHostsOf(host)]
}

/** Only what has to do with the trouble: a new line in known_hosts must not bring a refused key to the server again. */
function deciding(host: WantedHost, { code }: Problem): string[] {
  if (code.startsWith('AUTH_')) return keyFilesOf(host)
  return code.startsWith('HOST_KEY_') ? knownHostsOf(host) : []
}

/** The public half beside a key says which key of the agent is meant; a certificate may be renewed every day. */
function keyFilesOf({ identityFiles, certificateFiles }: WantedHost): string[] {
  return [...identityFiles.flatMap((file) => [file, `${file}.pub`, `${file}-cert.pub`]), ...certificateFiles]
}

function knownHostsOf({ userKnownHostsFiles, globalKnownHostsFiles }: WantedHost): string[] {
  return [...userKnownHostsFiles, ...globalKnownHostsFiles]
}
