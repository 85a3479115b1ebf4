// What `via`, `proxy_jump` and a short form's destination name: a host of the file, or a destination that
// becomes an implicit host. An undeclared word that is nearly a declared host is taken for a slip.

import { type Destination, formatDestination } from './destination.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { suggest } from './suggest.ts'

/** The host's name: as declared, or the destination in its one spelling. */
export function resolveReference(destination: Destination, declared: Iterable<string>): Parsed<string> {
  const name = formatDestination(destination)
  const names = new Set(declared)
  if (names.has(name) || !isBareWord(destination)) return parsed(name)
  const near = suggest(name, names)
  if (!near) return parsed(name)
  const hint = `If ${name} really is another host, declare it: hosts: { ${name}: }`
  return refused(`names the host ${name}, which is not declared: did you mean ${near}?`, hint)
}

function isBareWord({ user, hostname, port }: Destination): boolean {
  return user === undefined && port === undefined && !/[.:]/.test(hostname)
}
