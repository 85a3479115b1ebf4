// Port numbers: plain decimal digits from 1 to 65535. `080` and `5e3` are refused, because whoever wrote them
// and YAML do not agree on what they are.

import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

export function parsePort(value: Plain): Parsed<number> {
  const text = String(value)
  const port = Number(text)
  if (/^[1-9]\d{0,4}$/.test(text) && port <= 65535) return parsed(port)
  return /^0\d+$/.test(text)
    ? refused('must be a port without leading zeros', `Write ${Number(text)}, if that is what you mean`)
    : refused('must be a port from 1 to 65535, in plain digits')
}

/** A port to listen on: `auto` and 0 let the system choose. */
export function parseListenPort(value: Plain): Parsed<number | 'auto'> {
  return value === 'auto' || String(value) === '0' ? parsed('auto') : parsePort(value)
}
