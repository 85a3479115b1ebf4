// What of a long list of cases a plain `npm test` runs: another part each day, so that all are seen; with
// `npm run test:full`, all of them.

export const isFull = Boolean(process.env.TUNNELS_TEST_FULL)

/** Every `share`-th, begun at another one each day, and `shift` further for lists that belong together. */
export function sampleOf<T>(cases: readonly T[], share: number, shift = 0): T[] {
  const today = Math.floor(Date.now() / 86_400_000)
  return isFull ? [...cases] : cases.filter((_, index) => (index + shift + today) % share === 0)
}
