// "Did you mean …": the nearest of the words that would have been right.

/** The candidate within two edits of the word, the nearest first; for short words within half of their letters. */
export function suggest(word: string, candidates: Iterable<string>): string | undefined {
  const wanted = simplify(word)
  let best: { candidate: string; distance: number } | undefined
  for (const candidate of candidates) {
    const distance = countEdits(wanted, simplify(candidate))
    const isNear = distance <= 2 && distance * 2 <= Math.max(wanted.length, candidate.length)
    if (isNear && distance < (best?.distance ?? Number.POSITIVE_INFINITY)) best = { candidate, distance }
  }
  return best?.candidate
}

/** `IdentityFile`, `identity-file` and `identity_file` are one word to a person. */
function simplify(word: string): string {
  return word.toLowerCase().replaceAll(/[_-]/g, '')
}

/** Insertions, deletions, substitutions and swaps of neighbours (optimal string alignment); gives up above two. */
export function countEdits(a: string, b: string): number {
  if (Math.abs(a.length - b.length) > 2) return 3
  let [before, last]: number[][] = [[], Array.from({ length: b.length + 1 }, (_, column) => column)]
  for (let row = 1; row <= a.length; row++) {
    const current = [row]
    for (let column = 1; column <= b.length; column++) {
      const isSame = a[row - 1] === b[column - 1]
      const isSwap = a[row - 1] === b[column - 2] && a[row - 2] === b[column - 1]
      current[column] = Math.min(
        last![column]! + 1,
        current[column - 1]! + 1,
        last![column - 1]! + (isSame ? 0 : 1),
        isSwap && row > 1 && column > 1 ? before![column - 2]! + 1 : Number.POSITIVE_INFINITY,
      )
    }
    before = last
    last = current
  }
  return last![b.length]!
}
