// Durations as the file writes them: `500ms`, `15s`, `1m30s`, `2h`; a bare integer is seconds, 0 is off.
// Days and weeks are there because ssh_config(5) "TIME FORMATS" has them.

import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

const UNITS = { w: 604_800_000, d: 86_400_000, h: 3_600_000, m: 60_000, s: 1000, ms: 1 }
const FORM = /^(?=\d)(?:(\d+)w)?(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+)s)?(?:(\d+)ms)?$/
/** The longest that a timer can wait; 24 days. */
const LONGEST_MS = 2 ** 31 - 1

/** Milliseconds. */
export function parseDuration(value: Plain): Parsed<number> {
  const ms = durationMs(String(value))
  if (ms === null) {
    return refused('must be a duration such as 500ms, 15s or 1m30s (a bare number is seconds, 0 is off)')
  }
  return ms > LONGEST_MS ? refused('must not be longer than 24 days') : parsed(ms)
}

function durationMs(text: string): number | null {
  if (/^(0|[1-9]\d*)$/.test(text)) return Number(text) * UNITS.s
  const amounts = FORM.exec(text)?.slice(1)
  if (!amounts) return null
  return Object.values(UNITS).reduce((sum, unitMs, index) => sum + unitMs * Number(amounts[index] ?? 0), 0)
}

/** The shortest text that `parseDuration` reads as the same: `1m30s`; `0` for nothing. */
export function formatDuration(ms: number): string {
  let rest = ms
  let text = ''
  for (const [unit, unitMs] of Object.entries(UNITS).slice(2)) {
    const amount = Math.floor(rest / unitMs)
    if (amount > 0) text += `${amount}${unit}`
    rest -= amount * unitMs
  }
  return text || '0'
}
