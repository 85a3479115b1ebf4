// @ts-check
// What was measured as a Markdown table and as a plot, and both as a part of docs/performance.md.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { cpus, loadavg, release } from 'node:os'
import { fileURLToPath } from 'node:url'
import { congestionControl } from './own-network.mjs'

/** @typedef {import('./run.mjs').Result} Result */
/** @typedef {import('./measures.mjs').Row} Row */
/** @typedef {Row & { key: string, values: Record<string, number>, ratios: number[] }} Line */

const PAGE = fileURLToPath(new URL('../docs/performance.md', import.meta.url))
const PLOT = fileURLToPath(new URL('../docs/performance.svg', import.meta.url))
const COLUMNS = ['loopback', 'ssh, AES-GCM', 'ssh', 'tunnels']

/** @param {Result[]} results */
export function formatTable(results) {
  const head = [
    '',
    ...COLUMNS.map((name) => (name === 'ssh' ? '`ssh`' : name)),
    'ratio',
    'of all rounds',
    'wanted',
  ]
  const lines = linesOf(results).map((line) => {
    const cells = COLUMNS.map((name) => format(line.values[name]))
    return [`${line.title}, ${line.unit}`, ...cells, format(median(line.ratios)), spread(line), wanted(line)]
  })
  const rows = [head, ['---', ...head.slice(1).map(() => '---:')], ...lines]
  return rows.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** One line of facts, complete when it is called. @param {{ rounds: number, mib: number }} how */
export function describeMachine({ rounds, mib }) {
  const before = loadavg()[0]
  const addon = createRequire(import.meta.url)('ssh2/lib/protocol/crypto.js').bindingAvailable
  return () => {
    const load = `load average ${before?.toFixed(1)} before, ${loadavg()[0]?.toFixed(1)} after`
    const ssh = String(spawnSync('ssh', ['-V'], { encoding: 'utf8' }).stderr).split(',')[0]
    const what = `${rounds} rounds in turns, ${mib} MiB each`
    const versions = `Node ${process.versions.node}, ${ssh}, Linux ${release().split('-')[0]}, TCP ${congestionControl()}`
    const binding = `ssh2 ${addon ? 'with' : 'without'} its native addon`
    return `${what}; ${cpus().length} × ${cpus()[0]?.model.trim()}, ${versions}, ${binding}; ${load}. Medians; ratio: the median of each round's, and the least and the greatest of all rounds.`
  }
}

/** Puts table and plot between the marks of the page. @param {Result[]} results @param {string} machine */
export function writePage(results, machine) {
  const date = new Date().toISOString().slice(0, 10)
  const body = `\n\n![Ratios](performance.svg)\n\n${formatTable(results)}\n\n${date}: ${machine}\n\n`
  const page = readFileSync(PAGE, 'utf8')
  const marks = /(<!-- bench -->)[\s\S]*?(<!-- \/bench -->)/
  if (!marks.test(page)) throw new Error('docs/performance.md has lost its <!-- bench --> marks')
  writeFileSync(
    PAGE,
    page.replace(marks, (_all, begin, end) => `${begin}${body}${end}`),
  )
  writeFileSync(PLOT, formatPlot(linesOf(results)))
}

/** @param {Result[]} results @returns {Line[]} */
function linesOf(results) {
  return results.flatMap(({ measure, seen }) =>
    Object.entries(measure.rows).map(([key, row]) => {
      const of = (/** @type {string} */ name) => seen[name]?.map((value) => Number(value[key])) ?? []
      const values = Object.fromEntries(COLUMNS.map((name) => [name, median(of(name))]))
      const ratios = of('tunnels').map((ours, round) => ratio(row, ours, Number(of('ssh')[round])))
      return { ...row, key, values, ratios }
    }),
  )
}

/** How many times as good as ssh; where less is wanted of it (`atMost`), the part of what ssh takes. @param {Row} row */
function ratio({ better, atMost }, /** @type {number} */ ours, /** @type {number} */ theirs) {
  return better === 'more' || atMost !== undefined ? ours / theirs : theirs / ours
}

/** @param {Line} line */
function wanted({ atLeast, atMost, valueAtLeast, unit, ratios, values }) {
  const is = median(ratios)
  if (valueAtLeast)
    return `≥ ${valueAtLeast} ${unit}${Number(values.tunnels) >= valueAtLeast ? '' : ' (falls short)'}`
  if (atLeast) return `≥ ${atLeast}${is >= atLeast ? '' : ' (falls short)'}`
  return atMost ? `≤ ${atMost}${is <= atMost ? '' : ' (falls short)'}` : ''
}

/** @param {Line} line */
function spread({ ratios }) {
  return `${format(Math.min(...ratios))}–${format(Math.max(...ratios))}`
}

/** A bar a row on a logarithmic scale, with the range of all rounds; right of the line is better than ssh. @param {Line[]} lines */
function formatPlot(lines) {
  const [left, width, height] = [300, 460, 20]
  const shown = lines.filter(({ ratios }) => ratios.length > 0 && ratios.every(Number.isFinite))
  const x = (/** @type {number} */ value) => left + ((Math.log2(clamp(value)) + 3) / 7) * width
  const bars = shown.map((line, index) => {
    const good = (/** @type {number} */ value) => (line.atMost === undefined ? value : 1 / value)
    const ratios = line.ratios.map(good)
    const [middle, top] = [good(median(line.ratios)), 30 + index * height]
    const [from, to] = [Math.min(x(1), x(middle)), Math.max(x(1), x(middle))]
    const color = middle >= 1 ? '#2f81f7' : '#d29922'
    return [
      `<text x="${left - 8}" y="${top + 13}" text-anchor="end">${escapeText(line.title)}</text>`,
      `<rect x="${round(from)}" y="${top + 3}" width="${round(to - from)}" height="${height - 7}" fill="${color}"/>`,
      `<path d="M${round(x(Math.min(...ratios)))} ${top + 9.5}H${round(x(Math.max(...ratios)))}" stroke="#888"/>`,
      `<text x="${left + width + 8}" y="${top + 13}">${format(middle)} ×</text>`,
    ].join('')
  })
  const bottom = 30 + shown.length * height
  const ticks = [0.125, 0.25, 0.5, 1, 2, 4, 8, 16].map(
    (value) =>
      `<path d="M${round(x(value))} 24V${bottom}" stroke="${value === 1 ? '#888' : '#8884'}"/><text x="${round(x(value))}" y="18" text-anchor="middle">${value}</text>`,
  )
  const style = 'text{font:12px sans-serif;fill:#777}'
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${left + width + 70} ${bottom + 10}"><title>tunnels against ssh: times as good, logarithmic</title><style>${style}</style>${ticks.join('')}${bars.join('\n')}</svg>\n`
}

function clamp(/** @type {number} */ value) {
  return Math.min(16, Math.max(0.125, value))
}

function round(/** @type {number} */ value) {
  return Math.round(value * 10) / 10
}

function escapeText(/** @type {string} */ text) {
  return text.replaceAll('`', '').replaceAll('&', '&amp;').replaceAll('<', '&lt;')
}

/** @param {(number | undefined)[]} values */
export function median(values) {
  const sorted = values.filter((value) => value !== undefined).sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN
}

/** @param {number | undefined} value */
function format(value) {
  if (value === undefined || !Number.isFinite(value)) return ''
  return value >= 100 ? value.toFixed(0) : value.toFixed(2)
}
