// Puts repairs into a text and remembers where everything stood before.

interface Repair {
  start: number
  end: number
  repair: string
}

interface Repaired {
  text: string
  /** From an offset in the repaired text to the offset in the text as it was. */
  original(offset: number): number
}

/** `repairs` are in order and do not overlap. */
export function repairText(text: string, repairs: readonly Repair[]): Repaired {
  const parts: string[] = []
  const ends: { repaired: number; before: number }[] = []
  let before = 0
  let length = 0
  for (const { start, end, repair } of repairs) {
    parts.push(text.slice(before, start), repair)
    length += start - before + repair.length
    before = end
    ends.push({ repaired: length, before: end })
  }
  parts.push(text.slice(before))
  return { text: parts.join(''), original: (offset) => originalOffset(offset, repairs, ends) }
}

/** Inside a repair everything stands where the repair begins: what is said of it is said of all of it. */
function originalOffset(
  offset: number,
  repairs: readonly Repair[],
  ends: { repaired: number; before: number }[],
): number {
  let low = 0
  let high = ends.length
  while (low < high) {
    const middle = (low + high) >> 1
    if (ends[middle]!.repaired <= offset) low = middle + 1
    else high = middle
  }
  const last = ends[low - 1] ?? { repaired: 0, before: 0 }
  return Math.min(last.before + offset - last.repaired, repairs[low]?.start ?? Number.POSITIVE_INFINITY)
}
