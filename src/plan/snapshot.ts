// What runs, as the planner sees it: what was last applied, not how well it does. A host that retries and a
// listener that waits for its port are present, so network noise never becomes plan noise.

import type { DialTarget, Originator } from '../model/address.ts'
import type { WantedForward, WantedHost } from '../model/wanted.ts'

export interface Snapshot {
  hosts: ReadonlyMap<string, WantedHost>
  forwards: ReadonlyMap<string, RunningForward>
}

export interface RunningForward {
  spec: WantedForward
  /** Those open that do not drain already. */
  open: OpenConnection[]
}

export interface OpenConnection {
  from: Originator
  /** As the client asked for it; null while a SOCKS client has not asked yet. */
  target: DialTarget | null
  /** Key of the endpoint that it came to; absent: whichever. */
  through?: string
}

export const nothingRuns: Snapshot = { hosts: new Map(), forwards: new Map() }
