// The last five minutes of all forwards, or of the chosen one, as a plot that can be read by pointing at it.

import { useEffect, useRef, useState } from 'preact/hooks'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import type { Sample } from '../dashboard/news.ts'
import { formatBytes, formatRate } from '../view/quantity.ts'

const LONGEST = 300
const SHORTEST = 60
const HEIGHT = 150
/** A longer pause is a gap: nobody looked. */
const GAP_MS = 5_000

type Rows = [number[], (number | null)[], (number | null)[]]

/** `name`: null for all. */
export function Plot({ samples, name }: { samples: readonly Sample[]; name: string | null }) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const [at, setAt] = useState<number | null>(null)
  const rows = rowsOf(samples, name)
  useEffect(() => {
    const element = place.current!
    const draw = () => {
      plot.current?.destroy()
      plot.current = new uPlot(optionsOf(element, setAt), rows, element)
    }
    draw()
    const size = new ResizeObserver(() =>
      plot.current?.setSize({ width: element.clientWidth, height: HEIGHT }),
    )
    size.observe(element)
    const dark = matchMedia('(prefers-color-scheme: dark)')
    dark.addEventListener('change', draw)
    return () => {
      dark.removeEventListener('change', draw)
      size.disconnect()
      plot.current?.destroy()
    }
  }, [])
  useEffect(() => plot.current?.setData(rows), [samples, name])
  const [times, into, out] = rows
  const shown = at ?? times.length - 1
  const time = at === null ? 'now' : formatClock(times[at]!)
  return (
    <section class="plot" aria-labelledby="plot-title">
      <h2 id="plot-title">{name ?? 'All forwards'}</h2>
      <p class="legend">
        <span class="when">{time}</span>
        <span class="in">↓ in {formatRate(into[shown] ?? 0)}</span>
        <span class="out">↑ out {formatRate(out[shown] ?? 0)}</span>
      </p>
      <div
        ref={place}
        class="canvas"
        role="img"
        aria-label={`Bytes a second in the last five minutes: ${name ?? 'all forwards'}`}
      />
    </section>
  )
}

function rowsOf(samples: readonly Sample[], name: string | null): Rows {
  const rows: Rows = [[], [], []]
  let before: number | null = null
  for (const { at, rates } of samples) {
    if (before !== null && at - before > GAP_MS) push(rows, before + 1_000, null, null)
    before = at
    const meant = name === null ? Object.values(rates) : [rates[name] ?? [0, 0]]
    push(rows, at, sum(meant, 0), sum(meant, 1))
  }
  return rows
}

function push([times, into, out]: Rows, at: number, bytesIn: number | null, bytesOut: number | null): void {
  times.push(at / 1_000)
  into.push(bytesIn)
  out.push(bytesOut)
}

function sum(rates: readonly [number, number][], direction: 0 | 1): number {
  return rates.reduce((total, rate) => total + rate[direction], 0)
}

function optionsOf(element: HTMLElement, setAt: (index: number | null) => void): uPlot.Options {
  const style = getComputedStyle(element)
  const color = (name: string) => style.getPropertyValue(name).trim()
  const axis = { stroke: color('--quiet'), font: `11px ${style.fontFamily}`, ticks: { show: false } }
  const grid = { stroke: color('--line'), width: 1 }
  const line = (name: string) => ({
    stroke: color(`--${name}`),
    fill: color(`--${name}-area`),
    width: 1.5,
    points: { show: false },
  })
  return {
    width: element.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    padding: [8, 12, 0, 0],
    cursor: { drag: { x: false, y: false }, y: false, points: { size: 7 } },
    scales: {
      x: { range: (_, least, most) => [most - Math.min(Math.max(most - least, SHORTEST), LONGEST), most] },
      y: { range: (_, __, most) => [0, Math.max(most * 1.1, 1_024)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 26, space: 70, values: (_, times) => times.map(formatClock) },
      {
        ...axis,
        grid,
        size: 72,
        space: 36,
        incrs: powersOfTwo,
        values: (_, values) => values.map(formatAmount),
      },
    ],
    series: [{}, line('in'), line('out')],
    hooks: { setCursor: [({ cursor: { idx, left = -1 } }) => setAt(left < 0 ? null : (idx ?? null))] },
  }
}

const powersOfTwo = Array.from({ length: 45 }, (_, power) => 2 ** power)

function formatClock(seconds: number): string {
  return new Date(seconds * 1_000).toLocaleTimeString('en-GB', { hour12: false })
}

function formatAmount(bytes: number): string {
  return bytes === 0 ? '0' : `${formatBytes(bytes).replace('.0 ', ' ')}/s`
}
