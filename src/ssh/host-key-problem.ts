// What a person reads when a host key is refused: which key, what is on file and where, and what to do about it.

import { createHash } from 'node:crypto'
import { userInfo } from 'node:os'
import { join } from 'node:path'
import { formatHostPort } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { howToSet } from './host-in-file.ts'
import { type KnownHost, typeInside, type Verdict } from './known-hosts.ts'

export interface Refusal {
  /** As the host is looked up in known_hosts, for ssh-keygen -R. */
  name: string
  key: Buffer
  verdict: Verdict
  /** Sentences about known_hosts files that could not be looked at. */
  unread: readonly string[]
}

export function refusalProblem(host: WantedHost, { name, key, verdict, unread }: Refusal): Problem {
  switch (verdict.kind) {
    case 'changed':
      return changedProblem(host, name, key, verdict.entry)
    case 'revoked':
      return revokedProblem(host, key, verdict.entry)
    default:
      return unknownProblem(host, key, verdict.kind === 'unknown' && verdict.authority, unread)
  }
}

export function notPinnedProblem(host: WantedHost, key: Buffer, pins: string[]): Problem {
  return {
    code: 'HOST_KEY_CHANGED',
    summary: `The host key of ${describeHost(host)} is not among its host_keys`,
    detail: `The server shows ${describeKey(key)}; pinned: ${pins.join(', ') || 'none'}.`,
    hint:
      `Compare it with what the server's owner says; only when it is right, ${howToSet(host, hostKeysWith(key))}. ` +
      'Where another key type of this server is pinned, say so with host_key_algorithms',
  }
}

/** The file's keys against the user's own. */
export function contradictionProblem(host: WantedHost, entry: KnownHost, pins: string[]): Problem {
  return {
    code: 'HOST_KEY_CHANGED',
    summary: `The host_keys of ${describeHost(host)} are not what your known_hosts has`,
    detail: `The file pins ${pins.join(', ')}; ${entry.file}:${entry.line} has ${describeKey(entry.key)}.`,
    hint: "Ask the server's owner which is right before you agree to the file",
  }
}

/** `SHA256:…`, as ssh-keygen -l prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

function unknownProblem(
  host: WantedHost,
  key: Buffer,
  authority: boolean,
  unread: readonly string[],
): Problem {
  const lines = [`The server shows ${describeKey(key)}, and no known_hosts file has a key for it.`]
  if (authority)
    lines.push(
      'A @cert-authority line covers this host, but host certificates cannot be checked here: its plain key has to be known.',
    )
  lines.push(...unread)
  return {
    code: 'HOST_KEY_UNKNOWN',
    summary: `The host key of ${describeHost(host)} is not known`,
    detail: lines.join('\n'),
    hint: unread.length > 0 ? unreadHint(host, key) : unknownHint(host, key),
  }
}

/** A person has looked at it, and did not want it. */
export function declinedProblem(host: WantedHost, key: Buffer): Problem {
  return {
    code: 'HOST_KEY_UNKNOWN',
    summary: `The host key of ${describeHost(host)} is not known, and was declined`,
    detail: `The server shows ${describeKey(key)}.`,
    hint: `The next \`tunnels up\` asks again; or ${howToPin(host, key)}`,
  }
}

/** ssh could not read it either. */
function unreadHint(host: WantedHost, key: Buffer): string {
  return `Mend the known_hosts file, or ${howToPin(host, key)}`
}

function howToPin(host: WantedHost, key: Buffer): string {
  return `${howToSet(host, hostKeysWith(key))}, after comparing the key with what the server's owner says`
}

function unknownHint(host: WantedHost, key: Buffer): string {
  const command = sshCommand(host)
  const pin = howToPin(host, key)
  if (host.strictHostKeyChecking === 'ask') return `Run \`tunnels up\` on a terminal: it asks. Or ${pin}`
  if (!command) return pin.charAt(0).toUpperCase() + pin.slice(1)
  return `Connect once with \`${command}\` and answer its question, or ${pin}`
}

/** A key that was taken without anybody having seen it, or that will be asked about again next time. */
export function takenProblem(host: WantedHost, key: Buffer, why: string): Problem {
  return {
    code: 'HOST_KEY_UNKNOWN',
    severity: 'warning',
    summary: `The host key of ${describeHost(host)} ${why}`,
    detail: `The server shows ${describeKey(key)}.`,
    hint: `After comparing the key with what the server's owner says, ${howToSet(host, hostKeysWith(key))}`,
  }
}

function hostKeysWith(key: Buffer): string {
  return `host_keys: ["${fingerprint(key)}"]`
}

/** How ssh(1) asks about the key and writes it where it is looked for here; null where it could do neither. */
function sshCommand(host: WantedHost): string | null {
  const file = host.userKnownHostsFiles[0]
  // A hop of this file is not one that ssh knows.
  if (!file || host.jump !== null) return null
  // ssh goes by the account's home, whatever HOME says.
  const isOwn = file === join(userInfo().homedir, '.ssh', 'known_hosts')
  const options = [
    ...(host.port === 22 ? [] : [`-p ${host.port}`]),
    ...(isOwn ? [] : [`-o ${quote(`UserKnownHostsFile=${file}`)}`]),
    ...(host.hostKeyAlias === null ? [] : [`-o ${quote(`HostKeyAlias=${host.hostKeyAlias}`)}`]),
  ]
  return ['ssh', ...options, `${host.user}@${host.hostname}`].join(' ')
}

/** For a shell, and inside it for ssh, which takes an option apart at blanks. */
function quote(option: string): string {
  if (/^[\w./@%+=:,-]+$/.test(option)) return option
  return `'${option.replace('=', '="').replaceAll("'", "'\\''")}"'`
}

function changedProblem(host: WantedHost, name: string, key: Buffer, entry: KnownHost): Problem {
  return {
    code: 'HOST_KEY_CHANGED',
    summary: `The host key of ${describeHost(host)} is not the one on file: somebody may be in between, or the server was set up anew`,
    detail: `The server shows ${describeKey(key)}; ${entry.file}:${entry.line} has ${describeKey(entry.key)}.`,
    hint: `Ask the server's owner. If the change is theirs: \`ssh-keygen -R '${name}' -f '${entry.file}'\`, then ${againHint(host)}`,
  }
}

function againHint(host: WantedHost): string {
  const command = sshCommand(host)
  return command ? `connect once with \`${command}\`` : 'add the new one to that file'
}

function revokedProblem(host: WantedHost, key: Buffer, entry: KnownHost): Problem {
  return {
    code: 'HOST_KEY_REVOKED',
    summary: `The host key of ${describeHost(host)} is revoked`,
    detail: `The server shows ${describeKey(key)}, which ${entry.file}:${entry.line} marks @revoked.`,
    hint: "Ask the server's owner for its new key; never connect to it with this one",
  }
}

function describeKey(key: Buffer): string {
  return `${typeInside(key) ?? 'a key of unknown type'} ${fingerprint(key)}`
}

/** `acme (127.0.0.1:2222)`. */
export function describeHost(host: WantedHost): string {
  return `${host.name} (${formatHostPort(host.hostname, host.port)})`
}
