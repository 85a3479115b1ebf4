// The outcome of turning one value of the file into its meaning: the meaning, or what is wrong with it in words
// that follow the key ("must be …"). Where it stands in the file is added by whoever read it.

export type Parsed<T> = { ok: true; value: T } | Refused

export interface Refused {
  ok: false
  /** Follows the key's path in a sentence: `must be a port from 1 to 65535`. Without a final full stop. */
  complaint: string
  hint?: string
  /** Index of the list item that is meant. */
  item?: number
}

export function parsed<T>(value: T): Parsed<T> {
  return { ok: true, value }
}

export function refused(complaint: string, hint?: string): Refused {
  return hint === undefined ? { ok: false, complaint } : { ok: false, complaint, hint }
}
