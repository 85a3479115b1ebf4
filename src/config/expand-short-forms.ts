// A forward written as the words that would follow `ssh`, and a host written as a destination, become their
// long forms, each part with its own place. Per file, before merging and interpolating, so that a later file can
// add keys to a short form and a variable's value can never add an option.

import type { Problem } from '../model/problem.ts'
import { maskVariables, splitDestination } from './destination.ts'
import { countCharacters } from './lines.ts'
import { type Refused, refused } from './parsed.ts'
import { type LongForm, type Piece, parseShortForm } from './short-form.ts'
import {
  emptyMap,
  formatPointer,
  isMap,
  type Place,
  type Plain,
  type PlainMap,
  pointer,
  type Result,
  type Tree,
} from './tree.ts'

/**
 * Where a short form's words about its destination wait, as a list of [host key, value], until host-options.ts
 * gives them to the host: only after merging is it known which host that is. Never a user's key.
 */
export const HOST_OPTIONS = '-'

interface Expansion {
  places: Map<string, Place>
  problems: Problem[]
  /** In a later file what a string leaves unsaid takes away what an earlier file said. */
  isLater: boolean
}

/** `isLater`: the tree will be merged over another one. */
export function expandShortForms(tree: Tree, isLater: boolean): Result<Tree> {
  const expansion: Expansion = { places: new Map(tree.places), problems: [], isLater }
  if (!isMap(tree.value)) return { value: tree, problems: [] }
  const value = emptyMap(tree.value)
  if (isMap(value.hosts))
    value.hosts = mapEntries(value.hosts, (name, host) => expandHost(expansion, name, host))
  if (isMap(value.forwards)) {
    value.forwards = mapEntries(value.forwards, (name, forward) => expandForward(expansion, name, forward))
  }
  return { value: { value, places: expansion.places }, problems: expansion.problems }
}

function mapEntries(map: PlainMap, expand: (name: string, value: Plain) => Plain): PlainMap {
  const expanded = emptyMap()
  for (const [name, value] of Object.entries(map)) {
    expanded[name] = name.startsWith('x-') ? value : expand(name, value)
  }
  return expanded
}

function expandHost(expansion: Expansion, name: string, host: Plain): Plain {
  if (typeof host !== 'string') return host
  const path = pointer('hosts', name)
  if (/\s/.test(maskVariables(host).trim())) {
    const hint = 'Write user, port, identity_file and so on as keys below the host'
    complain(expansion, path, refused('must be a destination [user@]hostname[:port], one word', hint))
    return host
  }
  const parts = splitDestination(host)
  const offset = host.lastIndexOf(parts.host)
  const pieces: Record<string, Piece> = { hostname: { value: parts.host, offset, length: parts.host.length } }
  const at = Math.max(host.lastIndexOf(parts.user ?? '', offset), 0)
  if (parts.user !== undefined) pieces.user = { value: parts.user, offset: at, length: parts.user.length }
  if (parts.port !== undefined) {
    const length = parts.port.length
    pieces.port = { value: parts.port, offset: host.lastIndexOf(parts.port), length }
  }
  return placePieces(expansion, path, host, pieces, ['user', 'port'])
}

function expandForward(expansion: Expansion, name: string, forward: Plain): Plain {
  const path = pointer('forwards', name)
  if (isMap(forward)) return withoutFlagKeys(expansion, path, forward)
  if (typeof forward !== 'string') return forward
  const long = parseShortForm(forward)
  if (!long.ok) {
    complain(expansion, path, long)
    return forward
  }
  for (const warning of long.value.warnings) complain(expansion, path, refused(warning), 'warning')
  const map = placePieces(expansion, path, forward, long.value.pieces, ['local', 'remote', 'dynamic', 'to'])
  placeHostOptions(expansion, path, forward, map, long.value.host)
  return map
}

/** `-p: 22` as a key is a slip; it must not be taken for what a short form said. */
function withoutFlagKeys(expansion: Expansion, path: string, forward: PlainMap): PlainMap {
  const flags = Object.keys(forward).filter((key) => key.startsWith('-'))
  if (flags.length === 0) return forward
  const copy = emptyMap(forward)
  for (const flag of flags) {
    delete copy[flag]
    const place = expansion.places.get(path + pointer(flag))
    expansion.problems.push({
      code: 'CONFIG_UNKNOWN_KEY',
      summary: `${formatPointer(path)} has the unknown key ${flag}`,
      hint: `Options of ssh belong into one string: "${wordsOf(flag, forward[flag])}"`,
      path: formatPointer(path + pointer(flag)),
      ...(place && { at: place.key ?? place.value, span: flag.length }),
    })
  }
  return copy
}

/** As they would stand in a short form. */
function wordsOf(flag: string, value: Plain | undefined): string {
  if (/\s/.test(flag)) return flag
  const isWord = typeof value === 'string' || typeof value === 'number'
  return `${flag} ${isWord ? `${value} ` : ''}… destination`
}

function placePieces(
  expansion: Expansion,
  path: string,
  text: string,
  pieces: Record<string, Piece>,
  unsaid: string[],
): PlainMap {
  const map = emptyMap()
  for (const key of expansion.isLater ? unsaid : []) map[key] = null
  for (const [key, piece] of Object.entries(pieces)) {
    map[key] = piece.value
    setPlace(expansion, path, text, pointer(key), piece)
  }
  return map
}

function placeHostOptions(
  expansion: Expansion,
  path: string,
  text: string,
  map: PlainMap,
  host: LongForm['host'],
): void {
  if (expansion.isLater) map[HOST_OPTIONS] = null
  if (host.length === 0) return
  map[HOST_OPTIONS] = host.map(({ key, value, offset }, index) => {
    const length = text.startsWith(value, offset) ? value.length : 1
    setPlace(expansion, path, text, pointer(HOST_OPTIONS, index, 1), { value, offset, length })
    return [key, value]
  })
}

/** The very word where the scalar is plain or quoted without escapes on one line; else the whole string. */
function setPlace(expansion: Expansion, path: string, text: string, under: string, piece: Piece): void {
  const whole = expansion.places.get(path)
  if (!whole) return
  const quotes = whole.span - countCharacters(text)
  const isExact = (quotes === 0 || quotes === 2) && !text.includes('\n')
  const { file, line, column } = whole.value
  const before = countCharacters(text.slice(0, piece.offset))
  const exact = { file, line, column: column + quotes / 2 + before }
  const place = isExact ? { value: exact, span: Math.max(piece.length, 1) } : whole
  expansion.places.set(path + under, { value: place.value, span: place.span })
}

function complain(expansion: Expansion, path: string, complaint: Refused, severity?: 'warning'): void {
  const place = expansion.places.get(path)
  expansion.problems.push({
    code: severity ? 'CONFIG_WARNING' : 'CONFIG_SCHEMA',
    summary: `${formatPointer(path)} ${complaint.complaint}`,
    path: formatPointer(path),
    ...(complaint.hint !== undefined && { hint: complaint.hint }),
    ...(place && { at: place.value, span: place.span }),
    ...(severity && { severity }),
  })
}
