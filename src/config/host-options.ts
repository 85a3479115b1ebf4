// Gives what a short form said about its destination (-p, -l, -i, -J, -C, -o …) to that host, after merging, when
// it is known whether the file declares it. Said twice and differently, it is a problem and not a choice.

import type { Problem } from '../model/problem.ts'
import { type Destination, formatDestination, readDestination } from './destination.ts'
import { HOST_OPTIONS } from './expand-short-forms.ts'
import { hostOptions } from './host.ts'
import type { Base } from './local-path.ts'
import { problemAt } from './reading.ts'
import { openReferences, type References, resolveReference } from './references.ts'
import {
  emptyMap,
  isMap,
  type Place,
  type Plain,
  type PlainMap,
  pointer,
  type Result,
  type Tree,
} from './tree.ts'

interface Giving {
  tree: Tree
  places: Map<string, Place>
  hosts: PlainMap
  /** Hosts that the file itself declares. */
  references: References
  base: Base
  isBroken: (path: string) => boolean
  problems: Problem[]
}

interface Given {
  key: string
  value: Plain
  place: string
}

/** `isBroken`: whether something was said about a pointer before; its value is then left alone. */
export function giveHostOptions(tree: Tree, base: Base, isBroken: (path: string) => boolean): Result<Tree> {
  const root = tree.value
  const forwards = isMap(root) ? root.forwards : undefined
  if (!isMap(root) || !isMap(forwards)) return { value: tree, problems: [] }
  const declared = isMap(root.hosts) ? root.hosts : {}
  const giving: Giving = {
    tree,
    places: new Map(tree.places),
    hosts: emptyMap(declared),
    references: openReferences(Object.keys(declared)),
    base,
    isBroken,
    problems: [],
  }
  const via = defaultVia(root)
  const rest = emptyMap()
  for (const [name, forward] of Object.entries(forwards)) {
    rest[name] = isMap(forward) ? giveOptionsOf(giving, name, forward, via) : forward
  }
  const value = emptyMap({ ...root, forwards: rest })
  if (Object.keys(giving.hosts).length > 0) value.hosts = giving.hosts
  return { value: { value, places: giving.places }, problems: giving.problems }
}

function defaultVia(root: PlainMap): Plain | undefined {
  const forwards = isMap(root.defaults) ? root.defaults.forwards : undefined
  return isMap(forwards) ? forwards.via : undefined
}

/** The forward without its options; its `via` names user and port, too, where no declared host can take them. */
function giveOptionsOf(giving: Giving, name: string, forward: PlainMap, via: Plain | undefined): PlainMap {
  if (!Object.hasOwn(forward, HOST_OPTIONS)) return forward
  const { [HOST_OPTIONS]: list, ...others } = forward
  const rest = emptyMap(others)
  const destination = readDestination(rest.via ?? via ?? '')
  if (!Array.isArray(list) || !destination.ok) return rest
  const reference = resolveReference(destination.value, giving.references)
  if (!reference.ok) return rest
  const options = collect(name, list).filter(({ place }) => !giving.isBroken(place))
  if (giving.references.declared.has(reference.value)) {
    for (const option of options) give(giving, name, reference.value, option)
    return rest
  }
  const host = fold(giving, name, destination.value, options)
  for (const option of options.filter(({ key }) => key !== 'port' && key !== 'user')) {
    give(giving, name, host, option)
  }
  return emptyMap({ ...rest, via: host })
}

/** Repeated options become lists where ssh takes several, and known_hosts files are separated by blanks. */
function collect(name: string, list: Plain[]): Given[] {
  const options = new Map<string, Given>()
  for (const [index, pair] of list.entries()) {
    const [key, text] = pair as [string, string]
    const place = pointer('forwards', name, HOST_OPTIONS, index, 1)
    const value = key.endsWith('known_hosts_file') ? text.split(/\s+/) : text
    const first = options.get(key)
    if (!first) options.set(key, { key, value, place })
    else if (key.endsWith('_file')) first.value = [first.value, value].flat()
  }
  return [...options.values()]
}

/** `-p 2222 -l me acme` is `me@acme:2222`, so that `acme` alone stays what it is. */
function fold(giving: Giving, name: string, destination: Destination, options: Given[]): string {
  const folded: Destination = { ...destination }
  for (const option of options) {
    if (option.key !== 'port' && option.key !== 'user') continue
    const said = destination[option.key]
    const parsed = hostOptions[option.key].parse(option.value, giving.base)
    if (said !== undefined && String(said) !== option.value) complain(giving, name, option, 'its destination')
    else if (parsed.ok) Object.assign(folded, { [option.key]: parsed.value })
    else {
      const summary = `forwards.${name} has a ${option.key} that ${parsed.complaint}`
      giving.problems.push(problemOf(giving, name, option, 'CONFIG_SCHEMA', summary))
    }
  }
  return formatDestination(folded)
}

function give(giving: Giving, name: string, host: string, option: Given): void {
  const existing = isMap(giving.hosts[host]) ? giving.hosts[host] : {}
  if (!Object.hasOwn(existing, option.key)) {
    giving.hosts[host] = emptyMap({ ...existing, [option.key]: option.value })
    const place = giving.tree.places.get(option.place)
    if (place) giving.places.set(pointer('hosts', host, option.key), place)
  } else if (!isSame(giving, option.key, existing[option.key]!, option.value)) {
    complain(giving, name, option, `hosts.${host}.${option.key}`)
  }
}

function isSame(giving: Giving, key: string, a: Plain, b: Plain): boolean {
  const option = Object.values(hostOptions).find((candidate) => candidate.key === key)
  const meaning = (value: Plain) => JSON.stringify(option?.parse(value, giving.base) ?? value)
  return meaning(a) === meaning(b)
}

function complain(giving: Giving, name: string, option: Given, other: string): void {
  const summary = `forwards.${name} and ${other} say different things about ${option.key}`
  const hint = 'Say it in one place, or declare two hosts'
  giving.problems.push({ ...problemOf(giving, name, option, 'CONFIG_CONFLICT', summary), hint })
}

function problemOf(
  giving: Giving,
  name: string,
  option: Given,
  code: 'CONFIG_CONFLICT' | 'CONFIG_SCHEMA',
  summary: string,
): Problem {
  return { ...problemAt(giving.tree, option.place, code, summary), path: `forwards.${name}` }
}
