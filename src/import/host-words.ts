// What a command line says of its host, key by key of a tunnels.yaml. ssh takes the first of two values, and each of a
// list of files; a value that the file could not have is refused here, with the words that were typed.

import { homedir } from 'node:os'
import { hostOptions } from '../config/host.ts'
import type { Plain, PlainMap } from '../config/tree.ts'
import { escapeDollars, refusedImport } from './imported.ts'
import { portNumber } from './services.ts'

export interface HostWords {
  options: Map<string, Plain>
  /** What was left out. */
  warnings: string[]
}

export function openHostWords(): HostWords {
  return { options: new Map(), warnings: [] }
}

export function leaveOut({ warnings }: HostWords, what: string): void {
  warnings.push(`${what} has no counterpart in tunnels.yaml and was left out`)
}

/** ssh fills in some of what looks like a variable; in tunnels.yaml it would be one of its own. */
export function asItStands(token: string): string {
  return `${token}, which ssh would fill in, is taken as it stands`
}

/** `written`: the words that say it. Throws a ProblemError (USAGE) for what the key cannot be. */
export function sayOfHost(words: HostWords, key: string, said: string | string[], written: string): void {
  const value = typeof said === 'string' ? toPlain(key, said) : said.length === 1 ? said[0]! : said
  check(key, value, written)
  const [variable] = /\$\{[^}]*\}/.exec(key.endsWith('_file') ? String(said) : '') ?? []
  if (variable) words.warnings.push(asItStands(variable))
  const before = words.options.get(key)
  const otherWay = words.options.has(WAYS[key] ?? '')
  if (otherWay) words.warnings.push(`${written} was left out: ssh takes the way that was said first`)
  else if (before === undefined) words.options.set(key, value)
  else if (LISTS.has(key)) words.options.set(key, [before, value].flat())
  else if (JSON.stringify(before) !== JSON.stringify(value))
    words.warnings.push(`${written} was left out: ssh takes what was said first, ${String(before)}`)
}

/** There is one way to a host. */
const WAYS: Readonly<Record<string, string>> = { proxy_jump: 'proxy_command', proxy_command: 'proxy_jump' }

const LISTS = new Set(['identity_file', 'certificate_file'])

/** In the words that the file has for it. */
function toPlain(key: string, text: string): Plain {
  if (key === 'strict_host_key_checking') return CHECKING[text] ?? text
  if (key === 'port') return toNumber(portNumber(text))
  if (key === 'proxy_jump' && text.includes(',')) return text.split(',').map((hop) => hop.trim())
  if (DURATIONS.has(key) && /^[1-9]\d*$/.test(text)) return `${text}s`
  if (/^(true|yes)$/i.test(text)) return true
  if (/^(false|no)$/i.test(text)) return false
  return toNumber(text)
}

function toNumber(text: string): Plain {
  return /^(0|[1-9]\d{0,8})$/.test(text) ? Number(text) : text
}

const CHECKING: Readonly<Record<string, string>> = { off: 'no', false: 'no', true: 'yes' }
const DURATIONS = new Set(['connect_timeout', 'server_alive_interval'])

function check(key: string, value: Plain, written: string): void {
  const option = Object.values(hostOptions).find((candidate) => candidate.key === key)
  const parsed = option?.parse(value, { folder: '/', home: homedir() })
  if (parsed && !parsed.ok) throw refusedImport(`${written}: ${key} ${parsed.complaint}`, parsed.hint)
}

export function takeHost({ options }: HostWords): PlainMap {
  return Object.fromEntries([...options].map(([key, value]) => [key, escapeDollars(value)]))
}
