// The merged, interpolated and validated tree becomes a Project: hosts first by declaration, then those that
// forwards and jumps name without declaring them, each started from the defaults.

import type { HostSpec } from '../model/project.ts'
import { type Destination, parseDestination } from './destination.ts'
import { type ForwardDraft, readForward } from './forward.ts'
import { readHost } from './host.ts'
import { checkWay, skipsDefaultWay } from './proxy-command.ts'
import { parseProxyJump } from './proxy-jump.ts'
import { find, openSection, type Reading, report, type Section, valueAt } from './reading.ts'
import { openReferences, type References, resolveReference } from './references.ts'
import { isMap, pointer } from './tree.ts'

export interface Normalized {
  hosts: Map<string, HostSpec>
  hostDefaults: Omit<HostSpec, 'name'>
  forwards: Map<string, ForwardDraft>
}

export function normalize(reading: Reading): Normalized {
  const declared = namesIn(reading, '/hosts').filter((name) =>
    reading.tree.places.has(pointer('hosts', name)),
  )
  const references = openReferences(declared)
  const forwards = new Map(
    namesIn(reading, '/forwards').map((name) => [name, readForward(reading, name, references)]),
  )
  const hosts = new Map<string, HostSpec>()
  for (const name of declared) hosts.set(name, readDeclared(reading, name, references))
  const named = [...forwards.values()].map(({ via }) => via)
  for (const queue = [...jumpsOf(hosts), ...named.filter(Boolean)]; queue.length > 0; ) {
    const name = queue.shift()!
    const destination = hosts.has(name) ? null : parseDestination(name)
    if (!destination) continue
    const host = readImplicit(reading, name, destination, references)
    hosts.set(name, host)
    queue.push(...(host.proxyJump ?? []))
  }
  return { hosts, hostDefaults: readDefaults(reading), forwards }
}

/** Whose way the ssh configuration says is on nobody's of the file. */
function readDefaults(reading: Reading): Omit<HostSpec, 'name'> {
  const skipped = ['hostname', 'proxy_jump', 'proxy_command']
  return readHost(openSection(reading, '/defaults/hosts'), (key) => skipped.includes(key))
}

function jumpsOf(hosts: Map<string, HostSpec>): string[] {
  return [...hosts.values()].flatMap((host) => host.proxyJump ?? [])
}

function namesIn(reading: Reading, path: string): string[] {
  const map = valueAt(reading.tree.value, path)
  return isMap(map) ? Object.keys(map).filter((name) => !name.startsWith('x-')) : []
}

function readDeclared(reading: Reading, name: string, references: References): HostSpec {
  const section = openSection(reading, pointer('hosts', name), '/defaults/hosts')
  const skipsJump = skipsOwnJump(reading, name, section)
  const skipsWay = skipsDefaultWay(section)
  const host: HostSpec = { name, ...readHost(section, (key) => skipsJump(key) || skipsWay(key)) }
  const at = reading.tree.places.get(pointer('hosts', name))?.key
  if (at) host.at = at
  return withJumps(section, host, references)
}

/** What a short form said of it stands under its name in the tree; its text says whom and as whom. */
function readImplicit(
  reading: Reading,
  name: string,
  destination: Destination,
  references: References,
): HostSpec {
  const section = openSection(reading, pointer('hosts', name), '/defaults/hosts')
  const skipsJump = skipsOwnJump(reading, name, section)
  const skipsWay = skipsDefaultWay(section)
  const isSaid = (key: string) => key === 'hostname' || Object.hasOwn(destination, key)
  const skip = (key: string) => isSaid(key) || skipsJump(key) || skipsWay(key)
  return withJumps(section, { name, implicit: true, ...readHost(section, skip), ...destination }, references)
}

/** The hosts on the way of everybody are not on their own way. */
function skipsOwnJump(reading: Reading, name: string, section: Section): (key: string) => boolean {
  const jump = valueAt(reading.tree.value, '/defaults/hosts/proxy_jump')
  const hops = jump === undefined ? null : parseProxyJump(jump)
  const isHop = hops?.ok === true && hops.value.includes(name)
  const isDefault = find(section, 'proxy_jump')?.path === '/defaults/hosts/proxy_jump'
  return (key) => key === 'proxy_jump' && isHop && isDefault
}

function withJumps(section: Section, host: HostSpec, references: References): HostSpec {
  const { reading } = section
  checkWay(reading, host)
  const path = find(section, 'proxy_jump')?.path
  for (const [index, hop] of (host.proxyJump ?? []).entries()) {
    const reference = resolveReference(parseDestination(hop)!, references)
    const item = path + pointer(index)
    if (!reference.ok)
      report(reading, reading.tree.places.has(item) ? item : path!, reference, 'CONFIG_REFERENCE')
  }
  return host
}
