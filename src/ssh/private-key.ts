// Private keys in every form that ssh writes or takes: OpenSSH's own and PuTTY's are taken apart by ssh2, PEM and
// PKCS#8 by Node; what comes of it signs through node:crypto. Passphrases that take long are unlock.ts's.

import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto'
import ssh2 from 'ssh2'
import { BlobReader, blobString, mpint } from './blob.ts'
import { type PublicKey, publicKeyOf } from './public-key.ts'

/** `trouble`: why there is none, a sentence's end of the library that tried. */
export type Opened = { key: KeyObject } | { trouble: string }

export interface Libraries {
  parseKey(text: string, passphrase?: Buffer): unknown
  createPrivateKey: typeof createPrivateKey
}

/** Blocks for as long as the passphrase's hash takes: with a passphrase it belongs into a thread. Never throws. */
export function openPrivateKey(text: string): Opened {
  return decodePrivateKey(text, undefined, { parseKey: ssh2.utils.parseKey as never, createPrivateKey })
}

/** Whole in itself: unlock.ts sends its text to a thread, where nothing of this file is. */
export function decodePrivateKey(text: string, passphrase: Buffer | undefined, libraries: Libraries): Opened {
  try {
    if (!/^(-----BEGIN OPENSSH PRIVATE KEY-----|PuTTY-User-Key-File-)/.test(text)) {
      const secret = passphrase === undefined ? {} : { passphrase }
      return { key: libraries.createPrivateKey({ key: text, format: 'pem', ...secret }) }
    }
    const parsed = libraries.parseKey(text, passphrase)
    if (parsed instanceof Error) return { trouble: parsed.message }
    const pem = (parsed as { getPrivatePEM(): string | null }).getPrivatePEM()
    return pem === null
      ? { trouble: 'there is no private key in it' }
      : { key: libraries.createPrivateKey(pem) }
  } catch (error) {
    return { trouble: (error as Error).message }
  }
}

/** Null for kinds of keys that SSH has no name for, or that nothing here offers: see describeKind. */
export function publicHalfOf(key: KeyObject): PublicKey | null {
  try {
    return publicKeyOf(publicBlobOf(key))
  } catch {
    // Node exports neither every kind of key nor every curve.
    return null
  }
}

function publicBlobOf(key: KeyObject): Buffer {
  const jwk = createPublicKey(key).export({ format: 'jwk' })
  const part = (name: 'n' | 'e' | 'x' | 'y'): Buffer => Buffer.from(jwk[name] ?? '', 'base64url')
  switch (key.asymmetricKeyType) {
    case 'ed25519':
      return Buffer.concat(['ssh-ed25519', part('x')].map(blobString))
    case 'rsa':
      return Buffer.concat([blobString('ssh-rsa'), mpint(part('e')), mpint(part('n'))])
    case 'ec': {
      const curve = CURVES[jwk.crv ?? '']?.name
      if (!curve) throw new RangeError(jwk.crv)
      const point = Buffer.concat([Buffer.of(4), part('x'), part('y')])
      return Buffer.concat([`ecdsa-sha2-${curve}`, curve, point].map(blobString))
    }
    default:
      throw new RangeError(key.asymmetricKeyType)
  }
}

/** `DSA`, `X25519`, `EC (secp256k1)`: what a key is that SSH cannot use. */
export function describeKind({ asymmetricKeyType, asymmetricKeyDetails }: KeyObject): string {
  const kind = asymmetricKeyType?.toUpperCase() ?? 'that Node has no name for'
  const curve = asymmetricKeyDetails?.namedCurve
  return curve ? `${kind} (${curve})` : kind
}

/** The whole signature blob, its algorithm's name first (RFC 4253 6.6, RFC 5656 3.1.2, RFC 8332 3). */
export function signWithKey(key: KeyObject, data: Buffer, algorithm: string): Buffer {
  return Buffer.concat([blobString(algorithm), blobString(rawSignature(key, data, algorithm))])
}

const CURVES: Record<string, { name: string; hash: string }> = {
  'P-256': { name: 'nistp256', hash: 'sha256' },
  'P-384': { name: 'nistp384', hash: 'sha384' },
  'P-521': { name: 'nistp521', hash: 'sha512' },
}

function rawSignature(key: KeyObject, data: Buffer, algorithm: string): Buffer {
  if (key.asymmetricKeyType === 'ed25519') return sign(null, data, key)
  if (key.asymmetricKeyType === 'rsa')
    return sign(algorithm === 'rsa-sha2-256' ? 'sha256' : 'sha512', data, key)
  const hash = Object.values(CURVES).find(({ name }) => algorithm.endsWith(name))?.hash
  const both = sign(hash, data, { key, dsaEncoding: 'ieee-p1363' })
  return Buffer.concat([mpint(both.subarray(0, both.length / 2)), mpint(both.subarray(both.length / 2))])
}

const CLEAR = 'openssh-key-v1\0'

/** What OpenSSH's own format keeps in the clear (PROTOCOL.key): the cipher, and the public key. Null for any other text. */
export function readClearPart(text: string): { cipher: string; publicKey: PublicKey | null } | null {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END/.exec(text)?.[1]
  const data = Buffer.from(body ?? '', 'base64')
  if (data.subarray(0, CLEAR.length).toString('latin1') !== CLEAR) return null
  try {
    const reader = new BlobReader(data.subarray(CLEAR.length))
    const cipher = reader.text()
    reader.string()
    reader.string()
    reader.uint32()
    return { cipher, publicKey: publicKeyOf(reader.string()) }
  } catch {
    return null
  }
}
