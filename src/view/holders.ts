// `tunnels ls PORT`: who holds an address, a row each. Its JSON is the value itself.

import type { State } from '../model/status.ts'
import { type Column, formatTable } from './table.ts'

/** As schema/holders.schema.json has it. */
export interface Holder {
  /** `127.0.0.1:9000`, `*:9000`, a path. */
  address: string
  /** Null where the system does not tell: of another user's process. */
  pid: number | null
  /** The command's name. */
  process: string | null
  /** Null: it is no forward of this user's. */
  forward: HeldByForward | null
}

export interface HeldByForward {
  project: string
  /** `-p`. */
  projectName: string | null
  file: string | null
  name: string
  kind: 'local' | 'dynamic'
  via: string
  endpoint: string | null
  to: string
  state: State
}

/** Ends with a line feed. */
export function formatHolders(holders: readonly Holder[], { columns }: { columns: number | null }): string {
  return `${formatTable([...holders], COLUMNS, columns).join('\n')}\n`
}

const COLUMNS: Column<Holder>[] = [
  { title: 'LISTEN', text: ({ address }) => address, shrinkTo: 12 },
  { title: 'PROJECT', text: ({ forward }) => (forward ? forward.project || '-' : '-'), shrinkTo: 8 },
  { title: 'FORWARD', text: ({ forward }) => forward?.name ?? '-', shrinkTo: 8 },
  { title: 'TO', text: ({ forward }) => forward?.to ?? '-', shrinkTo: 10 },
  { title: 'VIA', text: ({ forward }) => (forward ? viaOf(forward) : '-'), shrinkTo: 8 },
  { title: 'PID', text: ({ pid }) => String(pid ?? '-'), align: 'right' },
  { title: 'PROCESS', text: ({ process }) => process ?? 'of another user', shrinkTo: 8 },
  { title: 'FILE', text: ({ forward }) => forward?.file ?? '-', shrinkTo: 16 },
]

function viaOf({ via, endpoint }: HeldByForward): string {
  return endpoint ? `${via} (${endpoint})` : via
}
