// Where a part stands in the text, how it is written there, and which variables reach it: one answer for hosts and forwards.

import type { TrustPart } from '../model/trust.ts'
import { HOST_OPTIONS } from './expand-short-forms.ts'
import { type Found, type Reading, valueAt } from './reading.ts'
import { formatPointer, type Place, type Plain, pointer } from './tree.ts'
import type { OriginsOf } from './variable-origins.ts'

/** `reached`: by pointer, the variables that a value is made of. */
export interface Traces {
  reached: ReadonlyMap<string, ReadonlySet<string>>
  originsOf: OriginsOf
}

export interface Finding extends Traces {
  reading: Reading
  /** By place: where the words of short forms stand, which were given to hosts. */
  words: ReadonlyMap<Place, string>
}

/** A server, or a name server, hears them. */
export const SENT = ['hostname', 'user', 'proxy_jump', 'bind_address']

/**
 * Not the value, which may be a secret and is nobody's to agree to, but which variables reach this place, and how.
 * Nothing where none does that could be a secret.
 */
export function variablePart(
  finding: Finding,
  path: string,
  under: string,
  owner: TrustPart['owner'],
): TrustPart[] {
  const { reached, originsOf, reading } = finding
  const names = pathsWithin(reading, path).flatMap((at) => [...(reached.get(at) ?? [])])
  const origins = [...new Set(names.flatMap(originsOf))].sort()
  if (origins.length === 0) return []
  const template = writtenAt(finding, path) ?? String(valueAt(reading.raw.value, path))
  const { written: _, ...place } = placeOf(finding, { path }, '', under)
  return [
    {
      ...place,
      kind: 'variable',
      text: `${template}, with what ${origins.join(' and ')} ${origins.length === 1 ? 'holds' : 'hold'}`,
      owner,
    },
  ]
}

/** The value, and where it is a list, each of its items. */
function pathsWithin({ raw }: Reading, path: string): string[] {
  const value = valueAt(raw.value, path)
  return Array.isArray(value) ? [path, ...value.map((_, index) => path + pointer(index))] : [path]
}

/** `under`: what to call it where the value comes from the defaults, or from a short form. */
export function placeOf(finding: Finding, found: Pick<Found, 'path'> | null, key: string, under: string) {
  const own = found && formatPointer(found.path)
  const last = key || (found ? (found.path.split('/').at(-1) ?? '') : '')
  const isOwn = own?.startsWith(`${under}.`) && !own.includes(`.${HOST_OPTIONS}.`)
  const place = found && nearestPlace(finding.reading, found.path)
  const written = found ? writtenAt(finding, found.path) : undefined
  return {
    path: isOwn ? own! : /^\d+$/.test(last) ? under : `${under}.${last}`,
    ...(place && { at: place.value, span: place.span }),
    ...(written !== undefined && { written }),
  }
}

function nearestPlace({ tree }: Reading, path: string): Place | undefined {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const place = tree.places.get(at)
    if (place) return place
  }
  return undefined
}

/** Undefined where no variable brought anything. */
export function writtenAt({ reading, words }: Finding, path: string): string | undefined {
  const place = reading.tree.places.get(path)
  const source = valueAt(reading.raw.value, path) === undefined && place ? words.get(place) : path
  const raw = source === undefined ? undefined : valueAt(reading.raw.value, source)
  const isFilled = JSON.stringify(raw) !== JSON.stringify(valueAt(reading.tree.value, path))
  return raw === undefined || !isFilled ? undefined : formatPlain(raw)
}

function formatPlain(value: Plain): string {
  return Array.isArray(value) ? value.map(formatPlain).join(' ') : String(value)
}
