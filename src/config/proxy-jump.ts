// `proxy_jump`: the hosts on the way, in order, as ProxyJump of ssh_config(5).

import { formatDestination, readDestination } from './destination.ts'
import { type Parsed, parsed } from './parsed.ts'
import { parseList } from './scalars.ts'
import type { Plain } from './tree.ts'

/** Each in the one spelling of `formatDestination`; empty for `none`. A string may hold several, by comma. */
export function parseProxyJump(value: Plain): Parsed<string[]> {
  if (value === 'none') return parsed([])
  if (typeof value !== 'string') return parseList(parseHop)(value)
  const hops = parseList(parseHop)(value.split(',').map((hop) => hop.trim()))
  return hops.ok ? hops : { ok: false, complaint: hops.complaint, ...(hops.hint && { hint: hops.hint }) }
}

function parseHop(value: Plain): Parsed<string> {
  const destination = readDestination(value)
  return destination.ok ? parsed(formatDestination(destination.value)) : destination
}
