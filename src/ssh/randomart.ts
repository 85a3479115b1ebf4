// The picture of a key that ssh shows with VisualHostKey: a walk over a board, so that a person can compare keys at a
// glance (OpenSSH, sshkey.c, fingerprint_randomart; "the drunken bishop").

import { createHash } from 'node:crypto'
import { BlobReader, bitLength } from './blob.ts'
import { typeInside } from './known-hosts.ts'

const COLUMNS = 17
const ROWS = 9
/** By how often the walk came by; the last two mark where it begins and ends. */
const SIGNS = ' .o+=*BOX@%&#/^SE'
const [BEGIN, END] = [SIGNS.length - 2, SIGNS.length - 1]

/** Eleven lines, of the SHA-256 of a public key blob. */
export function randomart(key: Buffer): string {
  const board = walk(createHash('sha256').update(key).digest())
  const lines = board.map((row) => `|${row.map((visits) => SIGNS[visits]).join('')}|`)
  return [border(titleOf(key)), ...lines, border('[SHA256]')].join('\n')
}

/** As ssh names it: `ED25519`, `RSA`. */
export function shortType(key: Buffer): string {
  const type = typeInside(key) ?? 'unknown'
  const [, family = type] = /^(?:sk-)?(?:ssh-)?(ed25519|rsa|dss|ecdsa)/.exec(type) ?? []
  const name = family === 'dss' ? 'DSA' : family.toUpperCase()
  return type.startsWith('sk-') ? `${name}-SK` : name
}

function walk(digest: Buffer): number[][] {
  const board = Array.from({ length: ROWS }, () => new Array<number>(COLUMNS).fill(0))
  let [x, y] = [COLUMNS >> 1, ROWS >> 1]
  for (const byte of digest) {
    for (let bits = byte, step = 0; step < 4; step++, bits >>= 2) {
      x = clamp(x + (bits & 1 ? 1 : -1), COLUMNS)
      y = clamp(y + (bits & 2 ? 1 : -1), ROWS)
      board[y]![x] = Math.min(board[y]![x]! + 1, BEGIN - 1)
    }
  }
  board[ROWS >> 1]![COLUMNS >> 1] = BEGIN
  board[y]![x] = END
  return board
}

function clamp(place: number, size: number): number {
  return Math.max(0, Math.min(place, size - 1))
}

function titleOf(key: Buffer): string {
  const type = shortType(key)
  const title = `[${type} ${bitsOf(key)}]`
  return title.length <= COLUMNS ? title : `[${type}]`
}

function border(title: string): string {
  const before = (COLUMNS - title.length) >> 1
  return `+${'-'.repeat(before)}${title}${'-'.repeat(COLUMNS - title.length - before)}+`
}

function bitsOf(key: Buffer): number {
  const type = typeInside(key) ?? ''
  const curve = /nistp(\d+)/.exec(type)?.[1]
  if (curve) return Number(curve)
  if (type !== 'ssh-rsa') return 256
  const fields = new BlobReader(key)
  fields.string()
  fields.string()
  return bitLength(fields.string())
}
