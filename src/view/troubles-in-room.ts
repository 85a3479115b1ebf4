// What is wrong, in as many lines as there are: each has its first line before any has more, and what is left out is
// counted.

import { cutLine, wrapLine } from './columns.ts'

/** `blocks`: of each trouble all its lines. `columns` null: as wide as they are. At most `room` lines. */
export function fitTroubles(
  blocks: readonly (readonly string[])[],
  room: number,
  columns: number | null,
): string[] {
  if (room <= 0) return []
  const heads = blocks.map(([head = '']) => (columns === null ? head : cutLine(head, columns)))
  if (heads.length > room) {
    const shown = heads.slice(0, room - 1)
    return [...shown, `… ${heads.length - shown.length} more`]
  }
  let left = room - heads.length
  return blocks.flatMap((block, at) => {
    const whole = columns === null ? block : block.flatMap((line) => wrapLine(line, columns))
    if (whole.length - 1 > left) return [heads[at]!]
    left -= whole.length - 1
    return whole
  })
}
