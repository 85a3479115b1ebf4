// Which algorithms are offered to a host: ours, or what ssh_config's lists make of them (`a,b`, `+a`, `-a`, `^a`,
// with wildcards; see ssh_config(5), Ciphers). What ssh2 lacks is left out as long as something is left.

import type { Algorithms } from 'ssh2'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { algorithmsOfSsh2 } from './internals/algorithms.ts'
import { matchesPattern } from './known-hosts.ts'

const { supported, defaults } = algorithmsOfSsh2()

/** SHA-1 has no place in a default; who needs it can still name it. */
const isModern = (name: string): boolean => name !== 'ssh-rsa' && !name.includes('sha1')

/** Node looks whether the prime of a group that the server made up is one: a moment in which nothing else is done. */
function quickFirst(names: string[]): string[] {
  const isSlow = (name: string) => name.includes('group-exchange')
  return [...names.filter((name) => !isSlow(name)), ...names.filter(isSlow)]
}

/** Those of ssh (PubkeyAcceptedAlgorithms). */
const USER_KEY_ALGORITHMS = [
  'ssh-ed25519-cert-v01@openssh.com',
  'ecdsa-sha2-nistp256-cert-v01@openssh.com',
  'ecdsa-sha2-nistp384-cert-v01@openssh.com',
  'ecdsa-sha2-nistp521-cert-v01@openssh.com',
  'sk-ssh-ed25519-cert-v01@openssh.com',
  'sk-ecdsa-sha2-nistp256-cert-v01@openssh.com',
  'rsa-sha2-512-cert-v01@openssh.com',
  'rsa-sha2-256-cert-v01@openssh.com',
  'ssh-ed25519',
  'ecdsa-sha2-nistp256',
  'ecdsa-sha2-nistp384',
  'ecdsa-sha2-nistp521',
  'sk-ssh-ed25519@openssh.com',
  'sk-ecdsa-sha2-nistp256@openssh.com',
  'rsa-sha2-512',
  'rsa-sha2-256',
]

/** `knownTypes`: host key types on file, asked for first. Throws a ProblemError (HOST_PROTOCOL) when a list leaves nothing. */
export function algorithmsFor(host: WantedHost, knownTypes: ReadonlySet<string>): Algorithms {
  const pick = (keyword: string, spec: string | null, list: keyof typeof supported): string[] =>
    applyList(spec, quickFirst(defaults[list].filter(isModern)), supported[list]) ??
    unsupported(host, keyword, spec!)
  const hostKeys = pick('host_key_algorithms', host.hostKeyAlgorithms, 'serverHostKey')
  return {
    kex: pick('kex_algorithms', host.kexAlgorithms, 'kex'),
    cipher: pick('ciphers', host.ciphers, 'cipher'),
    hmac: pick('macs', host.macs, 'hmac'),
    serverHostKey: keepsOrder(host.hostKeyAlgorithms) ? hostKeys : knownFirst(hostKeys, knownTypes),
    compress: host.compression ? ['zlib@openssh.com', 'none'] : ['none'],
  } as Algorithms
}

/** Signature algorithms that may be used with our keys (PubkeyAcceptedAlgorithms); never RSA with SHA-1. */
export function userKeyAlgorithms(host: WantedHost): string[] {
  const spec = host.pubkeyAcceptedAlgorithms
  return (
    applyList(spec, USER_KEY_ALGORITHMS, USER_KEY_ALGORITHMS) ??
    unsupported(host, 'pubkey_accepted_algorithms', spec!)
  )
}

/** Null when nothing is left. */
export function applyList(spec: string | null, ours: string[], known: string[]): string[] | null {
  const list = spec === null ? ours : applySpec(spec, ours, known)
  return list.length > 0 ? [...new Set(list)] : null
}

function applySpec(spec: string, ours: string[], known: string[]): string[] {
  const operator = /^[+^-]/.exec(spec)?.[0]
  const patterns = (operator ? spec.slice(1) : spec).split(',').map((pattern) => pattern.trim())
  const named = patterns.flatMap((pattern) => known.filter((name) => matchesPattern(name, pattern)))
  switch (operator) {
    case '+':
      return [...ours, ...named]
    case '-':
      return ours.filter((name) => !patterns.some((pattern) => matchesPattern(name, pattern)))
    case '^':
      return [...named, ...ours]
    default:
      return named
  }
}

/** A list that the user ordered is kept; one that adds or removes is still ours to order, as in ssh. */
function keepsOrder(spec: string | null): boolean {
  return spec !== null && !/^[+-]/.test(spec)
}

function knownFirst(algorithms: string[], knownTypes: ReadonlySet<string>): string[] {
  const isKnown = (name: string) => knownTypes.has(/^rsa-sha2-/.test(name) ? 'ssh-rsa' : name)
  return [...algorithms.filter(isKnown), ...algorithms.filter((name) => !isKnown(name))]
}

function unsupported(host: WantedHost, keyword: string, spec: string): never {
  const problem: Problem = {
    code: 'HOST_PROTOCOL',
    summary: `None of the ${keyword} of ${host.name} is supported here: ${spec}`,
    hint: `Leave ${keyword} out for the default, or add one that is supported`,
  }
  throw new ProblemError(problem)
}
