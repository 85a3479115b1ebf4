// What a person reads when a server and we have no algorithm in common: both lists, and the one line that helps. Ours
// where we have one of the server's, else the server's own in sshd_config(5).

import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { howToSet } from './host-in-file.ts'
import { algorithmsOfSsh2, type SupportedAlgorithms } from './internals/algorithms.ts'
import { printable } from './printable.ts'

/** The last pair of lists that was compared, in ssh2's words. */
export interface Mismatch {
  /** `KEX method`, `Host key format`, `C->S cipher`, `S->C MAC`, … */
  what: string
  ours: string
  theirs: string
}

/** `kind`: what is not in common, as ssh2 calls it; `lists` null: not heard. */
export function mismatchProblem(host: WantedHost, kind: string, lists: Mismatch | null): Problem {
  return {
    code: 'HOST_PROTOCOL',
    summary: `${host.name} and tunnels have no ${printable(kind)} in common`,
    ...(lists && { detail: describe(lists), hint: hintFor(host, lists) }),
  }
}

/** Longer than any list of algorithms that somebody could compare. */
const LIST_LENGTH = 1_000

function describe({ what, ours, theirs }: Mismatch): string {
  const show = (names: string) => printable(names, LIST_LENGTH)
  return `Offered here (${what}): ${show(ours)}\nThe server has (${what}): ${show(theirs)}`
}

interface Keyword {
  ours: string
  theirs: string
  list: keyof SupportedAlgorithms
  /** One that each OpenSSH of today has. */
  common: string
}

const KEYWORDS: [RegExp, Keyword][] = [
  [/KEX/, { ours: 'kex_algorithms', theirs: 'KexAlgorithms', list: 'kex', common: 'curve25519-sha256' }],
  [
    /Host key/,
    {
      ours: 'host_key_algorithms',
      theirs: 'HostKeyAlgorithms',
      list: 'serverHostKey',
      common: 'ssh-ed25519',
    },
  ],
  [/cipher/, { ours: 'ciphers', theirs: 'Ciphers', list: 'cipher', common: 'aes256-ctr' }],
  [/MAC/, { ours: 'macs', theirs: 'MACs', list: 'hmac', common: 'hmac-sha2-256' }],
]

function hintFor(host: WantedHost, { what, theirs }: Mismatch): string {
  const [, keyword] = KEYWORDS.find(([pattern]) => pattern.test(what)) ?? []
  if (!keyword) return `Look what its sshd_config allows`
  const names = theirs.split(',').filter((name) => !/^(ext-info-|kex-strict-)/.test(name))
  const known = algorithmsOfSsh2().supported[keyword.list].find((name) => names.includes(name))
  if (known !== undefined) return `To offer one that it has, ${howToSet(host, `${keyword.ours}: +${known}`)}`
  const added = CERTIFICATE.exec(names[0] ?? '')?.[1] ?? keyword.common
  return `${wordTheirs(names)}: \`ssh\` can. Or let its sshd_config say \`${keyword.theirs} +${printable(added, 60)}\``
}

const CERTIFICATE = /^([a-z0-9-]+)-cert-v\d+@openssh\.com$/
const POST_QUANTUM = /sntrup|mlkem|ml-kem|kyber/i

function wordTheirs(names: readonly string[]): string {
  if (names.every((name) => CERTIFICATE.test(name)))
    return 'It shows nothing but a host certificate, which tunnels cannot check'
  if (names.every((name) => POST_QUANTUM.test(name)))
    return 'It exchanges keys in post-quantum ways only, which tunnels cannot'
  return 'tunnels has none of those'
}
