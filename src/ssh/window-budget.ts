// TUNNELS_WINDOW_BUDGET: how much memory all channels of this process together may promise to servers beyond what ssh
// gives each. What is promised may have to be kept when nobody reads, so it is bounded as a whole.

const DEFAULT_BYTES = 64 * 1024 * 1024

const UNITS: Record<string, number> = { '': 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3 }

let left = parseBudget(process.env.TUNNELS_WINDOW_BUDGET)

/** Bytes, or with K, M or G; what is no number means the default. */
export function parseBudget(text: string | undefined): number {
  const [, digits, unit = ''] = /^(\d{1,9})([kmg]?)i?b?$/i.exec(text?.trim() ?? '') ?? []
  return digits === undefined ? DEFAULT_BYTES : Number(digits) * (UNITS[unit.toLowerCase()] ?? 1)
}

/** How many of the bytes there are; to be given back. */
export function borrow(bytes: number): number {
  const got = Math.max(0, Math.min(bytes, left))
  left -= got
  return got
}

export function giveBack(bytes: number): void {
  left += bytes
}
