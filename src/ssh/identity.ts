// Key files: what each can be used for, found out before connecting. Which of them are offered, and when, is
// auth.ts's; keys that an agent holds are agent.ts's.

import type { KeyObject } from 'node:crypto'
import type { Stats } from 'node:fs'
import { readBounded } from '../files/bounded-read.ts'
import type { WantedHost } from '../model/wanted.ts'
import { isFile } from './known-hosts-files.ts'
import { describeKind, openPrivateKey, publicHalfOf, readClearPart } from './private-key.ts'
import { type PublicKey, parsePublicKey, publicKeyOf } from './public-key.ts'

/** A key file. `note` says in one sentence why it cannot sign, where a person would want to know. */
export interface KeyFile {
  path: string
  /** Null when only a passphrase would show it. */
  publicKey: PublicKey | null
  /** Beside it, in `PATH-cert.pub`. */
  certificate: PublicKey | null
  /** Null: it cannot sign, or not yet. */
  privateKey: KeyObject | null
  /** The text that a passphrase opens; null: none is needed. */
  locked: string | null
  note: string | null
}

export interface KeyFiles {
  /** In the order of the host's identity files, missing ones left out. */
  files: KeyFile[]
  /** Those of certificate_file. */
  certificates: PublicKey[]
  /** What was named and is missing, or no certificate. */
  notes: string[]
}

/** The largest RSA key that anybody makes has a hundredth of it. */
const MAX_KEY_BYTES = 1024 * 1024

/** Never rejects. */
export async function loadKeyFiles(host: WantedHost): Promise<KeyFiles> {
  const notes: string[] = []
  const paths = host.identityFiles.filter(isFile)
  const loaded = await Promise.all(paths.map((path) => loadKeyFile(path)))
  const files = loaded.flatMap((file, index) => {
    if (file !== 'missing') return [file]
    if (host.identitiesNamed) notes.push(`There is no ${paths[index]}.`)
    return []
  })
  const certificates = await loadCertificates(host, notes)
  return { files, certificates, notes }
}

/** Their own way of naming them replaces ssh's `PATH-cert.pub` beside a key. */
async function loadCertificates(host: WantedHost, notes: string[]): Promise<PublicKey[]> {
  const paths = host.certificateFiles.filter(isFile)
  const found = await Promise.all(paths.map(readPublicKeyFile))
  return found.flatMap((key, index) => {
    if (typeof key === 'object' && key?.certificate) return [key]
    notes.push(wordNoCertificate(paths[index]!, key))
    return []
  })
}

function wordNoCertificate(path: string, key: PublicKey | 'missing' | null): string {
  if (key === 'missing') return `There is no ${path}.`
  return `${path} ${key ? 'is a key, not a certificate' : 'has no certificate that can be read'}.`
}

async function loadKeyFile(path: string): Promise<KeyFile | 'missing'> {
  const beside = await readPublicKey(`${path}.pub`)
  const certificate = await readPublicKey(`${path}-cert.pub`)
  const file = { path, publicKey: beside, certificate, privateKey: null, locked: null, note: null }
  const unusable = (note: string): KeyFile => ({ ...file, note })
  const read = await readBounded(path, MAX_KEY_BYTES)
  // ssh, too, takes a public key alone for an agent's key.
  if (read.kind === 'missing') return beside ? file : 'missing'
  if (read.kind === 'unreadable') return unusable(`${path} ${read.why}.`)
  if (read.isCut) return unusable(`${path} is larger than 1 MiB and was not read.`)
  const text = read.bytes.toString('utf8')
  if (isTooOpen(text, read.stats))
    return unusable(`${path} can be read by others and is ignored, as ssh does: \`chmod 600 ${path}\`.`)
  return parseKeyFile(file, text)
}

function parseKeyFile(file: KeyFile, text: string): KeyFile {
  const { path } = file
  const publicKey = parsePublicKey(text)
  if (publicKey) return { ...file, publicKey }
  const clear = readClearPart(text)
  const beside = file.publicKey ?? clear?.publicKey ?? readPuttyPublicKey(text)
  if (/^PuTTY-User-Key-File-(?!2: ssh-rsa\s)/.test(text)) {
    const note = `${path} is in a PuTTY format that cannot be read here: puttygen exports it for OpenSSH.`
    return { ...file, publicKey: beside, note }
  }
  if (isEncrypted(text, clear?.cipher)) return { ...file, publicKey: beside, locked: text.trim() }
  if (clear?.publicKey?.type.startsWith('sk-')) {
    const note = `${path} needs its security key, which only an agent can use here: \`ssh-add ${path}\`.`
    return { ...file, publicKey: clear.publicKey, note }
  }
  const opened = openPrivateKey(text.trim())
  if (!('key' in opened))
    return { ...file, publicKey: beside, note: `${path} is no private key that can be read here.` }
  const half = publicHalfOf(opened.key)
  if (half) return { ...file, publicKey: half, privateKey: opened.key }
  const note = `${path} is a key of the kind ${describeKind(opened.key)}, which nothing here offers.`
  return { ...file, publicKey: beside, note }
}

async function readPublicKey(path: string): Promise<PublicKey | null> {
  const key = await readPublicKeyFile(path)
  return key === 'missing' ? null : key
}

async function readPublicKeyFile(path: string): Promise<PublicKey | 'missing' | null> {
  const read = await readBounded(path, MAX_KEY_BYTES)
  if (read.kind === 'missing') return 'missing'
  return read.kind === 'read' && !read.isCut ? parsePublicKey(read.bytes.toString('utf8')) : null
}

/** As ssh: only for files of our own (sshkey_perm_ok), and not for public keys. */
function isTooOpen(text: string, { uid, mode }: Stats): boolean {
  if (!text.includes('PRIVATE KEY') && !text.startsWith('PuTTY-User-Key-File')) return false
  return uid === process.getuid?.() && (mode & 0o077) !== 0
}

function isEncrypted(text: string, cipher = 'none'): boolean {
  const isMarked = /^(Proc-Type: 4,ENCRYPTED|-----BEGIN ENCRYPTED|Encryption: (?!none))/m.test(text)
  return isMarked || cipher !== 'none'
}

/** PuTTY's format keeps the public key in the clear. */
function readPuttyPublicKey(text: string): PublicKey | null {
  const [, count, rest = ''] = /^Public-Lines: (\d+)\r?\n([\s\S]*)/m.exec(text) ?? []
  return count === undefined
    ? null
    : publicKeyOf(Buffer.from(rest.split('\n', Number(count)).join(''), 'base64'))
}
