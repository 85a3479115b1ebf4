// The known_hosts files of a host, as they are now, and what they say of it. Which line means what is known-hosts.ts's.

import { isAbsolute } from 'node:path'
import { readBounded } from '../files/bounded-read.ts'
import type { WantedHost } from '../model/wanted.ts'
import {
  judge,
  type KnownHost,
  lookupNames,
  MAX_KNOWN_HOSTS_BYTES,
  matchesHost,
  parseKnownHosts,
} from './known-hosts.ts'

/** The lines that vouch for a host, in the order of the files. Never rejects. */
export async function linesFor(host: WantedHost): Promise<KnownHost[]> {
  const { entries } = await loadKnownHosts(host)
  const names = lookupNames(host.hostname, host.port, host.hostKeyAlias)
  const matching = names.map((name) => entries.filter(({ hosts }) => matchesHost(name, hosts)))
  const found = matching
    .map((list) => list.filter(({ marker }) => marker === 'none'))
    .find(({ length }) => length > 0)
  return (found ?? []).filter(({ key }) => judge(entries, names, key).kind === 'known')
}

/** Everything that known_hosts says of a host, as a text: equal where nothing about it has changed. Never rejects. */
export async function knownOf(host: WantedHost): Promise<string> {
  const names = lookupNames(host.hostname, host.port, host.hostKeyAlias)
  const { entries, unread } = await loadKnownHosts(host)
  const matching = entries.filter(({ hosts }) => names.some((name) => matchesHost(name, hosts)))
  const lines = matching.map(({ marker, hosts, key }) => `${marker} ${hosts} ${key.toString('base64')}`)
  return [...lines, ...unread].join('\n')
}

/** `unread`: why files could not be looked at, a sentence each. */
export interface KnownHosts {
  entries: KnownHost[]
  unread: string[]
}

/** Those of the user first. A missing one is empty. Never rejects. */
export async function loadKnownHosts(host: WantedHost): Promise<KnownHosts> {
  const files = [...host.userKnownHostsFiles, ...host.globalKnownHostsFiles]
  const read = await Promise.all(files.filter(isFile).map(readKnownHosts))
  return {
    entries: read.flatMap(({ entries }) => entries),
    unread: read.flatMap(({ unread }) => unread ?? []),
  }
}

/** `none` of ssh_config(5) is no file, and must not become one in whatever folder we are. */
export function isFile(path: string): boolean {
  return isAbsolute(path)
}

/** `unread`: in one sentence, why it could not be looked at. */
interface KnownHostsFile {
  entries: KnownHost[]
  unread: string | null
}

async function readKnownHosts(file: string): Promise<KnownHostsFile> {
  const read = await readBounded(file, MAX_KNOWN_HOSTS_BYTES)
  if (read.kind === 'missing') return { entries: [], unread: null }
  if (read.kind === 'unreadable') return { entries: [], unread: `${file} ${read.why}.` }
  if (read.isCut) return { entries: [], unread: `${file} is larger than 32 MiB and was not read.` }
  return { entries: parseKnownHosts(read.bytes.toString('utf8'), file), unread: null }
}
