// `host_keys`: the only keys that are accepted from a host, as fingerprints or public-key lines.

import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

/** SHA-256 in base64 without padding, as `ssh-keygen -l` prints it. */
const FINGERPRINT = /^SHA256:[A-Za-z0-9+/]{43}=?$/
const KEY_LINE = /^((?:ssh|ecdsa|sk)-[a-z0-9@.-]+) +([A-Za-z0-9+/]+={0,2})( .*)?$/

export function parseHostKey(value: Plain): Parsed<string> {
  const text = String(value).trim()
  if (FINGERPRINT.test(text)) return parsed(text)
  const [, type, base64] = KEY_LINE.exec(text) ?? []
  if (type && base64 && typeInside(base64) === type) return parsed(text)
  return /^(MD5:)?([0-9a-f]{2}:){15}[0-9a-f]{2}$/i.test(text)
    ? refused('must be a SHA256 fingerprint: MD5 ones prove too little', 'ssh-keygen -l -f FILE prints it')
    : refused(
        'must be a SHA256:… fingerprint or a public-key line',
        'ssh-keyscan HOST | ssh-keygen -l -f - prints them',
      )
}

/** The key's own first field, RFC 4253 section 6.6: it must be the type that the line claims. */
function typeInside(base64: string): string | null {
  const bytes = Buffer.from(base64, 'base64')
  const length = bytes.length >= 4 ? bytes.readUInt32BE() : 0
  return bytes.length >= 4 + length ? bytes.toString('latin1', 4, 4 + length) : null
}
