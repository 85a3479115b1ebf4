// Writes a new host key into a known_hosts file, as ssh does, and into no file that is something else: where it is may
// come from a file that somebody cloned.

import { randomBytes } from 'node:crypto'
import { constants } from 'node:fs'
import { readlink, realpath, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { openWithoutWaiting, readBounded } from '../files/bounded-read.ts'
import { makeFolder } from '../files/make-folder.ts'
import { hashName, judge, MAX_KNOWN_HOSTS_BYTES, parseKnownHosts, typeInside } from './known-hosts.ts'

export interface NewHostKey {
  /** As it is looked up: `acme`, `[acme]:2222`. */
  name: string
  key: Buffer
  /** HashKnownHosts: nobody who reads the file shall learn the name. */
  hashed: boolean
}

/** Whoever asks two hosts at once gets two answers at once: one line after the other, so that each is seen by the next. */
let last: Promise<unknown> = Promise.resolve()

/**
 * Null when it stands there now, or already did; else why not, to follow "could not be written". A missing file becomes
 * 0600, its folders 0700. Other processes may append at the same time: each line is one write at the end of the file
 * (open(2), O_APPEND), so that nobody needs a lock that a killed process would leave behind. Never rejects.
 */
export function appendKnownHost(file: string, entry: NewHostKey): Promise<string | null> {
  const appended = last.then(() => append(file, entry)).catch(reasonOf)
  last = appended
  return appended
}

async function append(file: string, entry: NewHostKey): Promise<string | null> {
  const places = await followLinks(file)
  if (places.some((path) => basename(path).startsWith('authorized_keys')))
    return 'it says who may log in here'
  const place = places.at(-1)!
  if (!/^[^\s\p{C},*?!|@#"=]+$/u.test(entry.name)) return 'the name cannot stand in such a file'
  const status = await stat(place).catch(() => null)
  // /dev/null is how one says that nothing shall be remembered.
  if (status?.isCharacterDevice()) return null
  if (status && !status.isFile()) return 'it is no file'
  const read = await readBounded(place, MAX_KNOWN_HOSTS_BYTES)
  if (read.kind === 'unreadable') return `it ${read.why}`
  if (read.kind === 'read' && read.isCut) return 'it is larger than 32 MiB'
  const text = read.kind === 'read' ? read.bytes.toString('utf8') : ''
  if (!isKnownHosts(text)) return 'what it holds are no known hosts'
  if (judge(parseKnownHosts(text, place), [entry.name], entry.key).kind === 'known') return null
  await makeFolder(dirname(place))
  await write(place, formatLine(entry))
  return null
}

/** The file, and each that it leads to, also one that is not there yet: a link to it would have it made. Rejects with ELOOP. */
async function followLinks(file: string, most = 40): Promise<string[]> {
  if (most === 0) throw Object.assign(new Error(), { code: 'ELOOP' })
  const folder = await realpath(dirname(file)).catch(() => dirname(file))
  const place = join(folder, basename(file))
  const target = await readlink(place).catch(() => null)
  return [place, ...(target === null ? [] : await followLinks(resolve(folder, target), most - 1))]
}

/** Nothing but comments will do; lines of which none has the form, or that let somebody in (sshd(8)), will not. */
function isKnownHosts(text: string): boolean {
  const lines = text.split('\n').filter((line) => !/^\s*(#|$)/.test(line))
  if (lines.some((line) => AUTHORIZES.test(line))) return false
  return lines.length === 0 || lines.some((line) => HAS_FORM.test(line))
}

/** A key without a host before it, or with what only options have. */
const AUTHORIZES = /^\s*((ssh|ecdsa|sk)-[^\s,]+\s+AAAA|[^\s|][^\s]*["=])/

/** Something, then a type and a key, whole or not: a line that is only broken is nobody else's. */
const HAS_FORM = /\S\s+((ssh|ecdsa|sk|rsa)-\S+\s+\S|\S+\s+AAAA)/

function formatLine({ name, key, hashed }: NewHostKey): string {
  return `${hashed ? hashName(name, randomBytes(20)) : name} ${typeInside(key)} ${key.toString('base64')}\n`
}

const APPEND = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND

async function write(file: string, line: string): Promise<void> {
  const handle = await openWithoutWaiting(file, APPEND, 0o600)
  try {
    const { size } = await handle.stat()
    const end = Buffer.alloc(1)
    if (size > 0) await handle.read(end, 0, 1, size - 1)
    // A blank line, where two find the last one unended at once, means nothing.
    const text = size === 0 || end.toString() === '\n' ? line : `\n${line}`
    const { bytesWritten } = await handle.write(text)
    if (bytesWritten < Buffer.byteLength(text)) throw Object.assign(new Error(), { code: 'ENOSPC' })
  } finally {
    await handle.close()
  }
}

function reasonOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? 'it did not work'
}
