// What `via`, `proxy_jump` and a short form's destination name: a host of the file, or a destination that
// becomes an implicit host. An undeclared word that is nearly a declared host is taken for a slip.

import { type Destination, formatDestination } from './destination.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { suggest } from './suggest.ts'

/** What a file declares. Looking for slips has an end, or a file of thousands of hosts would take minutes. */
export interface References {
  declared: ReadonlySet<string>
  comparisonsLeft: number
}

export function openReferences(declared: Iterable<string>): References {
  return { declared: new Set(declared), comparisonsLeft: 100_000 }
}

/** The host's name: as declared, or the destination in its one spelling. */
export function resolveReference(destination: Destination, references: References): Parsed<string> {
  const name = formatDestination(destination)
  const { declared } = references
  if (declared.has(name) || !isBareWord(destination)) return parsed(name)
  references.comparisonsLeft -= declared.size
  const near = references.comparisonsLeft < 0 ? undefined : suggest(name, declared)
  if (!near) return parsed(name)
  const hint = `If ${name} really is another host, declare it: hosts: { ${name}: }`
  return refused(`names the host ${name}, which is not declared: did you mean ${near}?`, hint)
}

function isBareWord({ user, hostname, port }: Destination): boolean {
  return user === undefined && port === undefined && !/[.:]/.test(hostname)
}
