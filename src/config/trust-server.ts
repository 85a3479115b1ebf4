// The server that a part is about, in words: what is agreed to for one holds for no other.

import type { HostSpec } from '../model/project.ts'
import { OTHER_HOSTS, type TrustPart } from '../model/trust.ts'
import { formatDestination } from './destination.ts'
import { find, openSection } from './reading.ts'
import { pointer } from './tree.ts'
import { type Finding, writtenAt } from './trust-finding.ts'

/**
 * A part that is about one server: where that is, and which keys the file believes of it, belong to what is agreed to, or
 * an edit of those would turn it to somebody else. What a variable brought into its name is not shown.
 */
export function withServer(finding: Finding, host: Server, make: (server: string) => TrustPart): TrustPart {
  const section = openSection(finding.reading, pointer('hosts', host.name), '/defaults/hosts')
  const found = find(section, 'hostname')
  const hostname = found ? writtenAt(finding, found.path) : undefined
  const part = make(wordServer(host))
  if (hostname === undefined || part.written !== undefined) return part
  return { ...part, written: make(wordServer({ ...host, hostname })).text }
}

type Server = Omit<HostSpec, 'hostKeys'> & { hostKeys?: string[] | undefined }

function wordServer({ hostKeys, ...host }: Server): string {
  const keys = hostKeys ? `, known by ${hostKeys.join(' ')}` : ''
  return `${endpointOf(host)}${keys}`
}

/** Which server, as far as the file says it: as whom somebody logs in there makes no difference to what it may do. */
export function endpointOf({ name, hostname, port, implicit }: HostSpec): string {
  if (name === OTHER_HOSTS) return 'hosts that only your ssh configuration names'
  if (implicit && hostname === undefined) return name
  return formatDestination({ hostname: hostname ?? name, ...(port !== undefined && { port }) })
}
