// Public keys and OpenSSH's user certificates as blobs (RFC 4253 6.6, PROTOCOL.certkeys), and where they are written
// as text: `TYPE BASE64 COMMENT`.

import { BlobReader, blobString } from './blob.ts'
import { fingerprint } from './host-key-problem.ts'

export interface PublicKey {
  /** The name inside the blob: `ssh-rsa`, `sk-ssh-ed25519@openssh.com`, `ssh-ed25519-cert-v01@openssh.com`. */
  type: string
  blob: Buffer
  comment: string
  certificate: Certificate | null
}

export interface Certificate {
  /** Of the key that it vouches for. */
  plainBlob: Buffer
  isForUsers: boolean
  keyId: string
  /** Seconds since 1970. */
  validAfter: bigint
  validBefore: bigint
}

/** Null for anything that is not whole. */
export function publicKeyOf(blob: Buffer, comment = ''): PublicKey | null {
  try {
    const type = new BlobReader(blob).text()
    if (!/^[\x21-\x7e]{1,64}$/.test(type)) return null
    return { type, blob, comment, certificate: type.includes(CERTIFICATE) ? certificateOf(type, blob) : null }
  } catch {
    return null
  }
}

/** The first line that is one, as in a `.pub` file. */
export function parsePublicKey(text: string): PublicKey | null {
  for (const line of text.split('\n')) {
    const [, type, encoded, comment = ''] =
      /^\s*([a-z0-9@.-]+)[ \t]+(AAAA[A-Za-z0-9+/]+=*)(?:[ \t]+(.*?))?\s*$/.exec(line) ?? []
    const key = encoded === undefined ? null : publicKeyOf(Buffer.from(encoded, 'base64'), comment)
    if (key && key.type === type) return key
  }
  return null
}

/** As ssh-keygen -l has it: for a certificate, of the key inside. */
export function keyFingerprint({ blob, certificate }: PublicKey): string {
  return fingerprint(certificate?.plainBlob ?? blob)
}

/** `ssh-rsa-cert-v01@openssh.com` → `ssh-rsa`, `sk-ssh-ed25519-cert-v01@openssh.com` → `sk-ssh-ed25519@openssh.com`. */
export function plainType(type: string): string {
  return type.replace(CERTIFICATE, type.startsWith('sk-') ? '@openssh.com' : '')
}

/** Kinds that can be offered at all, whatever an algorithm list says: not DSA, and nothing that nobody knows. */
export function isOfKnownKind({ type }: PublicKey): boolean {
  return Object.hasOwn(KEY_FIELDS, plainType(type))
}

const CERTIFICATE = '-cert-v01@openssh.com'

const FOR_USERS = 1

/** How many fields of the key itself follow the nonce. */
const KEY_FIELDS: Record<string, number> = {
  'ssh-rsa': 2,
  'ssh-ed25519': 1,
  'ecdsa-sha2-nistp256': 2,
  'ecdsa-sha2-nistp384': 2,
  'ecdsa-sha2-nistp521': 2,
  'sk-ssh-ed25519@openssh.com': 2,
  'sk-ecdsa-sha2-nistp256@openssh.com': 3,
}

function certificateOf(type: string, blob: Buffer): Certificate {
  if (!Object.hasOwn(KEY_FIELDS, plainType(type))) throw new RangeError(type)
  const fields = KEY_FIELDS[plainType(type)]!
  const reader = new BlobReader(blob)
  reader.string()
  reader.string()
  const start = reader.position
  for (let field = 0; field < fields; field++) reader.string()
  const key = blob.subarray(start, reader.position)
  reader.uint64()
  const isForUsers = reader.uint32() === FOR_USERS
  const keyId = reader.text()
  reader.string()
  const plainBlob = Buffer.concat([blobString(plainType(type)), key])
  return { plainBlob, isForUsers, keyId, validAfter: reader.uint64(), validBefore: reader.uint64() }
}
