// From offsets in a text to the lines and columns that people count. Knows nothing of YAML.

import type { Position } from '../model/problem.ts'

/** Offsets are in UTF-16 units, as strings have them; columns and spans count characters (code points). */
export interface Lines {
  position(offset: number): Position
  /** Characters from `start` to `end`, but not beyond the first line; at least 1. */
  span(start: number, end: number): number
}

/** `original` maps an offset back when the text that was parsed is a repaired copy of `text`. */
export function measureLines(
  file: string,
  text: string,
  original: (offset: number) => number = (offset) => offset,
): Lines {
  const starts = lineStarts(text)
  const lineOf = lineFinder(starts)
  const countCharacters = characterCounter(text)
  return {
    position(offset) {
      const place = Math.min(original(offset), text.length)
      const line = lineOf(place)
      return { file, line: line + 1, column: countCharacters(starts[line]!, place) + 1 }
    },
    span(start, end) {
      const from = Math.min(original(start), text.length)
      const next = starts[lineOf(from) + 1] ?? text.length
      const to = trimEnd(text, from, Math.min(original(end), next))
      return Math.max(1, countCharacters(from, to))
    },
  }
}

/** Columns count characters, not UTF-16 units. */
export function countCharacters(text: string): number {
  return [...text].length
}

function lineStarts(text: string): number[] {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return starts
}

/** A table of code points only where the text needs one: a long line must not be counted again for each value. */
function characterCounter(text: string): (from: number, to: number) => number {
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) return (from, to) => to - from
  const before = new Uint32Array(text.length + 1)
  for (let at = 0, characters = 0; at < text.length; at++) {
    const low = text.charCodeAt(at)
    const high = at > 0 ? text.charCodeAt(at - 1) : 0
    const isSecondHalf = low >= 0xdc00 && low <= 0xdfff && high >= 0xd800 && high <= 0xdbff
    if (!isSecondHalf) characters++
    before[at + 1] = characters
  }
  return (from, to) => before[to]! - before[from]!
}

/** Those who ask go through the text in order: it is mostly the line of the last answer. */
function lineFinder(starts: readonly number[]): (offset: number) => number {
  let last = 0
  return (offset) => {
    const isSame = starts[last]! <= offset && offset < (starts[last + 1] ?? Number.POSITIVE_INFINITY)
    if (!isSame) last = lastAtOrBefore(starts, offset)
    return last
  }
}

function lastAtOrBefore(starts: readonly number[], offset: number): number {
  let low = 0
  let high = starts.length - 1
  while (low < high) {
    const middle = (low + high + 1) >> 1
    if (starts[middle]! <= offset) low = middle
    else high = middle - 1
  }
  return low
}

function trimEnd(text: string, from: number, to: number): number {
  let end = to
  while (end > from && /\s/.test(text[end - 1]!)) end--
  return end
}
