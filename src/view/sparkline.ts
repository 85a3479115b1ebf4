// A row of numbers as a row of bars, one character each.

const BARS = '▁▂▃▄▅▆▇█'

/** `width` characters, the newest number at the right end; the highest one fills its cell. What is 0 is the lowest bar. */
export function formatSparkline(values: readonly number[], width: number): string {
  const shown = values.slice(-width)
  const highest = Math.max(...shown, 0)
  const bars = shown.map((value) => {
    if (value <= 0) return BARS[0]!
    return BARS[Math.max(1, Math.round((value / highest) * (BARS.length - 1)))]!
  })
  return bars.join('').padStart(width)
}
