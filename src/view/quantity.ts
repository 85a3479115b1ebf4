// Amounts as people read them: bytes, ages, round trips.

/** `0 B`, `512 B`, `10.0 KiB`, `1.5 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return unit === 0 ? `${value} B` : `${value.toFixed(value < 100 ? 1 : 0)} ${units[unit]}`
}

/** The largest unit alone: `42s`, `5m`, `2h`, `3d`. */
export function formatAge(milliseconds: number): string {
  const seconds = Math.max(0, Math.floor(milliseconds / 1000))
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 86_400 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}

export function formatRtt(rttMs: number | null): string {
  if (rttMs === null) return ''
  return `${rttMs < 10 ? rttMs.toFixed(1) : Math.round(rttMs)} ms`
}

/** `512 B/s`, `1.5 MiB/s`; a pause is a dash, so that what moves is seen. */
export function formatRate(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return ''
  return bytesPerSecond < 0.5 ? '-' : `${formatBytes(Math.round(bytesPerSecond))}/s`
}
