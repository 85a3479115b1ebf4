// What `tunnels hostkeys` found out about a host: keys, and who vouches for them.

import type { Problem } from './problem.ts'

export interface HostKeysFound {
  /** As the file calls it. */
  name: string
  hostname: string
  port: number
  user: string
  keys: FoundKey[]
  /** Why there are none, or not all. */
  problem: Problem | null
}

export interface FoundKey {
  /** `ssh-ed25519`. */
  type: string
  /** `SHA256:…`. */
  fingerprint: string
  /** Type and key, as `host_keys` takes them. */
  line: string
  /** The line of known_hosts that vouches for it; null: the server showed it, and nobody does. */
  at: { file: string; line: number } | null
}
