// Key files: what each can be used for, found out before connecting. Which of them are offered, and when, is
// auth.ts's; keys that an agent holds are agent.ts's.

import type { Stats } from 'node:fs'
import ssh2, { type ParsedKey } from 'ssh2'
import { readBounded } from '../files/bounded-read.ts'
import type { WantedHost } from '../model/wanted.ts'

/** A key file. `note` says in one sentence why it cannot sign, where a person would want to know. */
export interface KeyFile {
  path: string
  /** Null when only a passphrase would show it. */
  publicKey: ParsedKey | null
  /** Null: it cannot sign. */
  privateKey: ParsedKey | null
  encrypted: boolean
  note: string | null
}

/** The largest RSA key that anybody makes has a hundredth of it. */
const MAX_KEY_BYTES = 1024 * 1024

/** In the order of the host's identity files, missing ones left out. `notes` has the named ones that are missing. Never rejects. */
export async function loadKeyFiles(host: WantedHost): Promise<{ files: KeyFile[]; notes: string[] }> {
  const notes: string[] = []
  const loaded = await Promise.all(host.identityFiles.map((path) => loadKeyFile(path)))
  const files = loaded.flatMap((file, index) => {
    if (file !== 'missing') return [file]
    if (host.identitiesNamed) notes.push(`There is no ${host.identityFiles[index]}.`)
    return []
  })
  return { files, notes }
}

async function loadKeyFile(path: string): Promise<KeyFile | 'missing'> {
  const beside = await readPublicKey(`${path}.pub`)
  const unusable = (note: string): KeyFile => ({
    path,
    publicKey: beside,
    privateKey: null,
    encrypted: false,
    note,
  })
  const read = await readBounded(path, MAX_KEY_BYTES)
  // ssh, too, takes a public key alone for an agent's key.
  if (read.kind === 'missing') return beside ? { ...unusable(''), note: null } : 'missing'
  if (read.kind === 'unreadable') return unusable(`${path} ${read.why}.`)
  if (read.isCut) return unusable(`${path} is larger than 1 MiB and was not read.`)
  const text = read.bytes.toString('utf8')
  if (isTooOpen(text, read.stats))
    return unusable(`${path} can be read by others and is ignored, as ssh does: \`chmod 600 ${path}\`.`)
  return parseKeyFile(path, text, beside)
}

function parseKeyFile(path: string, text: string, beside: ParsedKey | null): KeyFile {
  const file = { path, publicKey: beside, privateKey: null, encrypted: false, note: null }
  const parsed = parseKey(text)
  if (parsed?.isPrivateKey()) return { ...file, publicKey: parsed, privateKey: parsed }
  if (parsed) return { ...file, publicKey: parsed }
  if (isEncrypted(text)) {
    const note = `${path} is protected by a passphrase.`
    return { ...file, publicKey: beside ?? publicHalf(text), encrypted: true, note }
  }
  const reason = /-----BEGIN PRIVATE KEY-----/.test(text)
    ? `is in PKCS#8 format, which cannot be read yet: \`ssh-keygen -p -f ${path}\` writes it in OpenSSH's, or \`ssh-add ${path}\``
    : 'is no private key that can be read here'
  return { ...file, note: `${path} ${reason}.` }
}

async function readPublicKey(path: string): Promise<ParsedKey | null> {
  const read = await readBounded(path, MAX_KEY_BYTES)
  return read.kind === 'read' && !read.isCut ? parseKey(read.bytes.toString('utf8')) : null
}

/** As ssh: only for files of our own (sshkey_perm_ok), and not for public keys. */
function isTooOpen(text: string, { uid, mode }: Stats): boolean {
  if (!text.includes('PRIVATE KEY') && !text.startsWith('PuTTY-User-Key-File')) return false
  return uid === process.getuid?.() && (mode & 0o077) !== 0
}

/** Null for anything that ssh2 cannot read. */
export function parseKey(data: string | Buffer): ParsedKey | null {
  try {
    const parsed = ssh2.utils.parseKey(data) as ParsedKey | ParsedKey[] | Error
    const key = Array.isArray(parsed) ? parsed[0] : parsed
    return key && !(key instanceof Error) ? key : null
  } catch {
    return null
  }
}

function isEncrypted(text: string): boolean {
  if (/^(Proc-Type: 4,ENCRYPTED|-----BEGIN ENCRYPTED|Encryption: (?!none))/m.test(text)) return true
  const fields = opensshFields(text)
  return fields !== null && fields.cipher !== 'none'
}

/** OpenSSH's own format keeps the public key in the clear (PROTOCOL.key). */
function publicHalf(text: string): ParsedKey | null {
  const fields = opensshFields(text)
  return fields ? parseKey(fields.publicKey) : null
}

function opensshFields(text: string): { cipher: string; publicKey: Buffer } | null {
  const body = /-----BEGIN OPENSSH PRIVATE KEY-----([\sA-Za-z0-9+/=]+)-----END/.exec(text)?.[1]
  const data = Buffer.from(body ?? '', 'base64')
  const magic = 'openssh-key-v1\0'
  if (data.subarray(0, magic.length).toString('latin1') !== magic) return null
  let at = magic.length
  const next = (): Buffer => {
    const start = at + 4
    at = start + data.readUInt32BE(at)
    return data.subarray(start, at)
  }
  try {
    const cipher = next().toString('latin1')
    next()
    next()
    at += 4
    return { cipher, publicKey: next() }
  } catch {
    return null
  }
}
