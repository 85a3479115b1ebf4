// `socket.mode`: permissions of a Unix socket, octal digits whether quoted or not.

import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

export function parseMode(value: Plain): Parsed<number> {
  const digits = /^(?:0o?)?([0-7]{1,3})$/.exec(String(value))?.[1]
  return digits === undefined
    ? refused('must be permissions in octal digits, such as 0600')
    : parsed(Number.parseInt(digits, 8))
}

export function formatMode(mode: number): string {
  return `0${mode.toString(8).padStart(3, '0')}`
}
