// A file's content between YAML and meaning: plain values, with the place of each in a table beside them.
// Paths are JSON pointers ("/forwards/postgres/to"), so that ajv's instancePath finds its line.

import type { Position, Problem } from '../model/problem.ts'

export type Plain = null | boolean | number | string | Plain[] | PlainMap
export type PlainMap = { [key: string]: Plain }

export interface Place {
  /** Where the key stands; absent for list items and the root. */
  key?: Position
  keySpan?: number
  /** Where the value begins, and how many characters on its first line it has. */
  value: Position
  span: number
}

/** After merging, a place names the file that won. Maps have no prototype. */
export interface Tree {
  value: Plain
  places: ReadonlyMap<string, Place>
}

/** A value and everything that was wrong on the way to it; `value` is the best that could be made of it. */
export interface Result<T> {
  value: T
  problems: Problem[]
}

export function isMap(value: Plain | undefined): value is PlainMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Inherits nothing, so that a key named `constructor` is as absent as others. `from` is copied, one level deep. */
export function emptyMap(from?: PlainMap): PlainMap {
  const map = new (Empty as unknown as new () => PlainMap)()
  return from ? Object.assign(map, from) : map
}

/** V8 makes a hash table of each `Object.create(null)`; these share their shapes, and a file is thousands of them. */
function Empty() {}
Empty.prototype = Object.freeze(Object.create(null))

export function pointer(...keys: (string | number)[]): string {
  let path = ''
  for (const key of keys) path += `/${escapeKey(String(key))}`
  return path
}

function escapeKey(key: string): string {
  return /[~/]/.test(key) ? key.replaceAll('~', '~0').replaceAll('/', '~1') : key
}

/** `forwards.postgres.to`, for people. */
export function formatPointer(path: string): string {
  const keys = path.split('/').slice(1)
  return keys.map((key) => key.replaceAll('~1', '/').replaceAll('~0', '~')).join('.')
}
