// The last minute of one forward, beside its numbers: what moves is seen at a glance.

import type { Sample } from '../dashboard/news.ts'

const WIDTH = 120
const HEIGHT = 24
const SECONDS = 60

export function Spark({ samples, name }: { samples: readonly Sample[]; name: string }) {
  const last = samples.at(-1)?.at ?? 0
  const seen = samples.filter(({ at, rates }) => rates[name] && last - at <= SECONDS * 1_000)
  const sums = seen.map(({ rates }) => rates[name]![0] + rates[name]![1])
  const highest = Math.max(...sums, 1)
  const points = seen.map(({ at }, index) => {
    const x = WIDTH - ((last - at) / 1_000 / SECONDS) * WIDTH
    const y = HEIGHT - 1 - (sums[index]! / highest) * (HEIGHT - 3)
    return `${x.toFixed(1)},${y.toFixed(1)}`
  })
  const [first] = points
  return (
    <svg class="spark" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
      {first && (
        <>
          <path
            class="area"
            d={`M${first.split(',')[0]},${HEIGHT} L${points.join(' L')} L${WIDTH},${HEIGHT} Z`}
          />
          <polyline class="line" points={points.join(' ')} />
        </>
      )}
    </svg>
  )
}
