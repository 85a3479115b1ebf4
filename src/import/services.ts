// Ports by the names of their services: ssh asks getservbyname(3) for what is no number, and a file has numbers, which are
// the same on every machine.

import { readFileSync } from 'node:fs'

/** Its digits, where services(5) has a TCP service of that name; else the text itself. */
export function portNumber(text: string): string {
  return /^[A-Za-z0-9_-]*[A-Za-z][A-Za-z0-9_-]*$/.test(text) ? (services().get(text) ?? text) : text
}

/** The port is what stands last; a path has none. */
export function withPortNumber(text: string): string {
  const at = text.lastIndexOf(':') + 1
  return text.includes('/') ? text : `${text.slice(0, at)}${portNumber(text.slice(at))}`
}

function services(): Map<string, string> {
  const found = new Map<string, string>()
  for (const line of readServices().split('\n')) {
    const [name = '', place = '', ...aliases] = line.replace(/#.*/, '').trim().split(/\s+/)
    const [, port] = /^(\d+)\/tcp$/.exec(place) ?? []
    if (port) for (const each of [name, ...aliases]) if (!found.has(each)) found.set(each, port)
  }
  return found
}

/** Small containers have none. */
function readServices(): string {
  try {
    return readFileSync('/etc/services', 'utf8')
  } catch {
    return ''
  }
}
