// The secret that leads to one dashboard: made anew for each, and gone with it.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto'

/** 256 bits, fit for a URL. */
export function makeToken(): string {
  return randomBytes(32).toString('base64url')
}

/** How long it takes tells nothing of the token, not even its length. */
export function isToken(given: unknown, token: string): boolean {
  return typeof given === 'string' && timingSafeEqual(digest(given), digest(token))
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest()
}
