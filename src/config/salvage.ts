// What can be trusted of a file with syntax errors: a host or forward with an error in it is left out,
// so that nothing is said about a meaning that YAML only guessed; the others are checked as usual.

import type { Pair, SyntaxNode } from './nodes.ts'
import { endsReading, type SyntaxComplaint } from './syntax.ts'

/** Errors within one value: the library still reads everything around it as it was meant. */
const LOCAL = new Set(['TAG_RESOLVE_FAILED', 'BAD_DQ_ESCAPE', 'BAD_SCALAR_START'])

/** Null where an error stands outside of every host and forward: then nothing of the file can be trusted. */
export function salvage(root: SyntaxNode, complaints: SyntaxComplaint[]): SyntaxNode | null {
  const doubts = complaints.filter(({ code }) => !LOCAL.has(code))
  if (doubts.length === 0) return root
  if (root.kind !== 'map' || doubts.some(endsReading)) return null
  const settled = new Set<SyntaxComplaint>()
  const pairs = withEnds(root.pairs, root.end).map(({ pair, end }) => ({
    key: pair.key,
    value: withoutDoubtful(pair.value, end, doubts, settled),
  }))
  return settled.size === doubts.length ? { ...root, pairs } : null
}

function withoutDoubtful(
  section: SyntaxNode,
  end: number,
  doubts: SyntaxComplaint[],
  settled: Set<SyntaxComplaint>,
): SyntaxNode {
  if (section.kind !== 'map') return section
  const kept = withEnds(section.pairs, end).filter((entry) => {
    const touching = doubts.filter((doubt) => touches(entry, doubt))
    for (const doubt of touching) if (isInside(entry, doubt)) settled.add(doubt)
    return touching.length === 0
  })
  return { ...section, pairs: kept.map(({ pair }) => pair) }
}

/** With its own indentation wrong, what comes next may belong to it. */
function touches(entry: Entry, doubt: SyntaxComplaint): boolean {
  if (isInside(entry, doubt)) return true
  const gap = entry.pair.key.start - doubt.pos[0]
  return doubt.code === 'BAD_INDENT' && gap > 0 && gap <= MAX_INDENT
}

const MAX_INDENT = 12

function isInside({ pair, end }: Entry, { pos }: SyntaxComplaint): boolean {
  return pos[0] >= pair.key.start && pos[0] < end
}

/** A pair, and where its next sibling begins. */
interface Entry {
  pair: Pair
  end: number
}

function withEnds(pairs: Pair[], end: number): Entry[] {
  return pairs.map((pair, index) => ({ pair, end: pairs[index + 1]?.key.start ?? end + 1 }))
}
