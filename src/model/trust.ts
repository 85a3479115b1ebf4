// What a file may do that its reader has to agree to, as values: each part of the file that could run code, send a
// secret, believe a server or open this machine. Who is asked and what is remembered is decided elsewhere.

import type { Position, Problem } from './problem.ts'

export type TrustKind =
  | 'proxy_command'
  | 'ssh_config'
  | 'healthcheck'
  | 'gateway'
  | 'env'
  | 'variable'
  | 'password_env'
  | 'passphrase_env'
  | 'identity_agent'
  | 'known_hosts'
  | 'host_key_alias'
  | 'strict_host_key_checking'
  | 'host_keys'
  | 'remote'
  | 'wildcard'

/** Stands for the hosts that only the ssh configuration names: what the file says for all hosts holds for them, too. */
export const OTHER_HOSTS = '*'

/** One part of the merged and interpolated files, found without looking at anything but them. */
export interface TrustPart {
  kind: TrustKind
  /** `forwards.web.remote`. */
  path: string
  /** What it says, variables filled in; what a person agrees to. May hold what a variable holds: never for a log. */
  text: string
  /** As the file has it, where a variable brought some of `text`. */
  written?: string
  /** Whose part it is, a host's name perhaps {@link OTHER_HOSTS}: it matters only where that one is selected. */
  owner: { what: 'host' | 'forward'; name: string }
  at?: Position
  span?: number
  /** Absolute path of the file whose content belongs to it. */
  file?: string
}

/** A part with its content and its hash: two with one hash may do the same. */
export interface TrustItem extends Omit<TrustPart, 'file'> {
  /** SHA-256, base64url, of kind, path, text and content. */
  hash: string
}

/** What somebody has agreed to for one project, which is a file of a folder, and `-p`. */
export interface TrustRecord {
  folder: string
  file: string
  projectName: string | null
  trusted: TrustedPart[]
}

/** Not what the part says: that may hold a secret. */
export interface TrustedPart {
  hash: string
  kind: TrustKind
  path: string
  /** ISO 8601, UTC. */
  since: string
}

/** In the order in which they are shown: what a person must not overlook comes first. */
export const trustGroups = [
  { kinds: ['proxy_command', 'ssh_config', 'healthcheck', 'gateway', 'env'], does: 'run commands' },
  { kinds: ['variable', 'password_env', 'passphrase_env', 'identity_agent'], does: 'use your secrets' },
  {
    kinds: ['host_keys', 'known_hosts', 'host_key_alias', 'strict_host_key_checking'],
    does: 'decide which servers are believed',
  },
  { kinds: ['remote', 'wildcard'], does: 'open ports to others' },
] as const satisfies { kinds: TrustKind[]; does: string }[]

/** More of them say nothing more to a person, and a status has to stay small. */
const MAX_PROBLEMS = 50

/** One problem an item, the most dangerous first, the last one counting the rest. */
export function untrustedProblems(items: readonly TrustItem[]): Problem[] {
  const shown = inOrder(items).slice(0, MAX_PROBLEMS).map(untrusted)
  const more = items.length - shown.length
  const last = shown.at(-1)
  if (!last) return []
  if (more > 0)
    last.detail = `and ${more} more parts of the files wait for trust: \`tunnels trust\` shows all`
  last.hint = 'Read it, then agree to it with `tunnels up` on a terminal, or with --trust'
  return shown
}

export function inOrder(items: readonly TrustItem[]): TrustItem[] {
  const kinds: readonly TrustKind[] = trustGroups.flatMap((group) => group.kinds)
  return items.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))
}

function untrusted({ kind, path, text, written, at, span }: TrustItem): Problem {
  return {
    code: kind === 'host_keys' ? 'HOST_KEY_CHANGED' : 'UNTRUSTED',
    summary: `${path} waits for trust: ${shorten(written ?? text)}`,
    path,
    ...(at && { at }),
    ...(span !== undefined && { span }),
  }
}

const MAX_CHARACTERS = 300

/** Beginning and end: neither may hide behind the other. */
export function shorten(text: string, most = MAX_CHARACTERS): string {
  const characters = [...text]
  if (characters.length <= most) return text
  const [head, tail] = [Math.ceil(most * 0.6), Math.floor(most * 0.4)]
  const left = characters.length - head - tail
  return `${characters.slice(0, head).join('')} … (${left} more characters) … ${characters.slice(-tail).join('')}`
}
