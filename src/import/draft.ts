// What was imported in the words of a tunnels.yaml, with names that nobody there has yet. A host is declared only where
// more is said of it than a destination says: `-L 8080:localhost:80 me@acme:2222` is one line.

import { formatDestination } from '../config/destination.ts'
import { parseListen } from '../config/listen.ts'
import type { Base } from '../config/local-path.ts'
import { suggest } from '../config/suggest.ts'
import { parseTarget } from '../config/target.ts'
import { isMap, type Plain, type PlainMap } from '../config/tree.ts'
import { formatYaml } from '../config/yaml.ts'
import { asItStands } from './host-words.ts'
import type { Imported, ImportedForward } from './imported.ts'
import { freeName, nameForward, nameHost } from './names.ts'

export interface Draft {
  hosts: PlainMap
  forwards: PlainMap
  /** What was left out, a sentence each. */
  warnings: string[]
  /** What is otherwise than somebody might think. */
  notes: string[]
}

/** What is there already. */
export interface Beside {
  hosts: ReadonlyMap<string, Plain>
  forwards: ReadonlySet<string>
  /** By {@link meaningOf}, the name of the forward that is the same. */
  same: ReadonlyMap<string, string>
  /** What paths in the file are relative to. */
  base: Base
  /** A path of this machine, as it is written from the file's folder. */
  place: (path: string) => string
}

export const NOTHING_BESIDE: Beside = {
  hosts: new Map(),
  forwards: new Set(),
  same: new Map(),
  base: { folder: '/', home: '/' },
  place: (path) => path,
}

export function makeDraft(all: readonly Imported[], beside: Beside): Draft {
  const draft: Draft = { hosts: {}, forwards: {}, warnings: [], notes: [] }
  for (const imported of all) {
    draft.warnings.push(...imported.warnings)
    const via = declareHost(draft, beside, imported)
    for (const forward of imported.forwards) addForward(draft, beside, forward, via)
  }
  return draft
}

/** YAML; where nobody is declared, `hosts` is not there. */
export function formatDraft({ hosts, forwards }: Draft): string {
  return formatYaml({ ...(Object.keys(hosts).length > 0 && { hosts }), forwards })
}

function addForward(draft: Draft, beside: Beside, forward: ImportedForward, via: string): void {
  const long = longForm(forward, via, beside)
  const same = beside.same.get(meaningOf(long, beside.base))
  if (same !== undefined) {
    draft.notes.push(`-${forward.letter} ${forward.argument} is there already, as ${same}`)
    return
  }
  if (forward.token !== undefined) draft.warnings.push(asItStands(forward.token))
  const wish = nameForward(forward)
  const isTaken = (name: string) => beside.forwards.has(name) || Object.hasOwn(draft.forwards, name)
  const name = freeName(wish, isTaken)
  if (beside.forwards.has(wish)) draft.notes.push(`The name ${wish} is taken: it is ${name} here`)
  draft.forwards[name] = shortForm(forward, via, long) ?? long
}

/** What `via` is to say. */
function declareHost(draft: Draft, beside: Beside, { destination, host }: Imported): string {
  const { hostname, user, port } = destination
  const text = formatDestination(destination)
  const isBare = text === hostname
  if (Object.keys(host).length === 0 && !isSlip(draft, beside, text, isBare)) {
    if (beside.hosts.has(text)) draft.notes.push(isOfFile(text, beside.hosts.get(text)!))
    return text
  }
  const wanted: PlainMap = {
    ...(user !== undefined && { user }),
    ...(port !== undefined && { port }),
    ...placeFiles(host, beside),
  }
  if (wanted.hostname !== undefined) {
    draft.notes.push(
      `Your ssh configuration is asked about ${wanted.hostname}, and no more about ${hostname}`,
    )
  }
  const saidUnder = (name: string) =>
    name === hostname || wanted.hostname !== undefined ? wanted : { hostname, ...wanted }
  const isTaken = (name: string) => beside.hosts.has(name) || Object.hasOwn(draft.hosts, name)
  const isSame = (name: string) => {
    const there = Object.hasOwn(draft.hosts, name) ? draft.hosts[name] : beside.hosts.get(name)
    return JSON.stringify(there ?? {}) === JSON.stringify(saidUnder(name))
  }
  const own = nameHost(hostname)
  const name = freeName(own, (taken) => isTaken(taken) && !isSame(taken))
  if (isTaken(name)) return name
  if (name !== own) draft.notes.push(`The host ${own} is another one in the file: it is ${name} here`)
  draft.hosts[name] = saidUnder(name)
  return name
}

/** Whoever has not written the file may mean somebody else by that name. */
function isOfFile(name: string, host: Plain): string {
  const address = typeof host === 'string' ? host : isMap(host) ? host.hostname : undefined
  const where = address === undefined ? '' : ` (${String(address)})`
  return `${name} is a host of the file${where}, and what stands there counts`
}

/** An undeclared word that is nearly a host of the file would be refused as a slip. */
function isSlip(draft: Draft, beside: Beside, text: string, isBare: boolean): boolean {
  const declared = [...beside.hosts.keys(), ...Object.keys(draft.hosts)]
  return isBare && !/[.:]/.test(text) && !declared.includes(text) && suggest(text, declared) !== undefined
}

const FILES = ['identity_file', 'certificate_file', 'user_known_hosts_file', 'global_known_hosts_file']

function placeFiles(host: PlainMap, { place }: Beside): PlainMap {
  const placeAll = (value: Plain): Plain =>
    Array.isArray(value) ? value.map(placeAll) : typeof value === 'string' ? place(value) : value
  const placed = { ...host }
  for (const key of [...FILES, 'ssh_config', 'identity_agent']) {
    const value = host[key]
    const isWord = key === 'identity_agent' && /^(none|SSH_AUTH_SOCK|\$.*)$/.test(String(value))
    if (value !== undefined && !isWord) placed[key] = placeAll(value)
  }
  return placed
}

const KINDS = { L: 'local', R: 'remote', D: 'dynamic' } as const

function longForm(forward: ImportedForward, via: string, { place }: Beside): PlainMap {
  const { letter, listen, to, more } = forward
  const socket = (text: string) => (text.includes('/') ? place(text) : text)
  return {
    via,
    [KINDS[letter]]: asNumber(letter === 'R' ? listen : socket(listen)),
    ...(to !== null && { to: asNumber(letter === 'R' ? socket(to) : to) }),
    ...more,
  }
}

/** Null where something in it would need a quote, or where it says less. */
function shortForm(
  { letter, argument, listen, to, more }: ImportedForward,
  via: string,
  long: PlainMap,
): string | null {
  const isWhole = Object.keys(more).length === 0
  const isAsTyped = String(long[KINDS[letter]]) === listen && String(long.to ?? null) === String(to)
  const text = `-${letter} ${argument} ${via}`
  const isPlain = /^-[LRD] (?!-)[\w./:@[\]*%+=,~-]+ [^\s"'\\$]+$/.test(text)
  return isWhole && isAsTyped && isPlain ? text : null
}

function asNumber(text: string): Plain {
  return /^[1-9]\d{0,4}$/.test(text) ? Number(text) : text
}

/** Two forwards of one meaning are one: where it listens, where it leads, and through whom. */
export function meaningOf(long: PlainMap, base: Base): string {
  const { via, to = 'socks' } = long
  const kind = Object.values(KINDS).find((one) => long[one] !== undefined)!
  const listen = parseListen(long[kind]!, kind === 'remote' ? 'there' : 'here', base)
  const target = parseTarget(to, kind === 'remote' ? 'here' : 'there', base)
  return JSON.stringify([kind, via, listen.ok && listen.value, target.ok && target.value])
}
