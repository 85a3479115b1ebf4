// Host keys as a block for tunnels.yaml, to be pasted: each key with a comment that says where it comes from.

import type { FoundKey, HostKeysFound } from '../model/host-keys.ts'
import { escapeInQuotes } from './json.ts'
import { makePrintable } from './printable.ts'

/** Ends with a line feed; empty where no host has a key. */
export function formatHostKeys(hosts: readonly HostKeysFound[]): string {
  const blocks = hosts.filter(({ keys }) => keys.length > 0).flatMap(blockOf)
  return blocks.length === 0 ? '' : `hosts:\n${blocks.join('\n')}\n`
}

function blockOf(host: HostKeysFound): string[] {
  return [...headOf(host), '    host_keys:', ...host.keys.map(itemOf)]
}

/** What can stand under `hosts:` does; a destination has to be declared first. */
function headOf({ name, hostname, port, user }: HostKeysFound): string[] {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(name)) return [`  ${quoteName(name)}:`]
  return [
    `  server:  # write \`server\` where the file says \`${makePrintable(name)}\``,
    `    hostname: ${escapeInQuotes(JSON.stringify(hostname))}`,
    `    port: ${port}`,
    `    user: ${escapeInQuotes(JSON.stringify(user))}`,
  ]
}

/** A name may look like a number or a boolean. */
function quoteName(name: string): string {
  return /^[A-Za-z][\w-]*$/.test(name) && !/^(y|n|yes|no|on|off|true|false|null)$/i.test(name)
    ? name
    : JSON.stringify(name)
}

function itemOf({ line, fingerprint, at }: FoundKey): string {
  const from = at ? `${makePrintable(at.file)}:${at.line}` : 'shown by the server, nobody vouches for it'
  return `      - ${line}  # ${fingerprint}, ${from}`
}
