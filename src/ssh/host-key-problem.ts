// What a person reads when a host key is refused: which key, what is on file and where, and what to do about it.

import { createHash } from 'node:crypto'
import { formatHostPort } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import type { WantedHost } from '../model/wanted.ts'
import { type KnownHost, typeInside, type Verdict } from './known-hosts.ts'

/** `name`: as the host is looked up in known_hosts, for ssh-keygen -R. */
export function refusalProblem(host: WantedHost, name: string, key: Buffer, verdict: Verdict): Problem {
  switch (verdict.kind) {
    case 'changed':
      return changedProblem(host, name, key, verdict.entry)
    case 'revoked':
      return revokedProblem(host, key, verdict.entry)
    default:
      return unknownProblem(host, key, verdict.kind === 'unknown' && verdict.authority)
  }
}

export function notPinnedProblem(host: WantedHost, key: Buffer, pins: string[]): Problem {
  return {
    code: 'HOST_KEY_CHANGED',
    summary: `The host key of ${describeHost(host)} is not among its host_keys`,
    detail: `The server shows ${describeKey(key)}; pinned: ${pins.join(', ') || 'none'}.`,
    hint:
      `Compare \`${fingerprint(key)}\` with what the server's owner says before it goes into hosts.${host.name}.host_keys. ` +
      'Where another key type of this server is pinned, say so with host_key_algorithms',
  }
}

/** `SHA256:…`, as ssh-keygen -l prints it. */
export function fingerprint(key: Buffer): string {
  return `SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`
}

function unknownProblem(host: WantedHost, key: Buffer, authority: boolean): Problem {
  const port = host.port === 22 ? '' : `-p ${host.port} `
  const lines = [`The server shows ${describeKey(key)}, and no known_hosts file has a key for it.`]
  if (authority)
    lines.push(
      'A @cert-authority line covers this host, but host certificates cannot be checked here: its plain key has to be known.',
    )
  return {
    code: 'HOST_KEY_UNKNOWN',
    summary: `The host key of ${describeHost(host)} is not known`,
    detail: lines.join('\n'),
    hint:
      `Connect once with \`ssh ${port}${host.user}@${host.hostname}\` and answer its question, or put ` +
      `\`host_keys: ["${fingerprint(key)}"]\` into hosts.${host.name} after comparing it with what the server's owner says`,
  }
}

function changedProblem(host: WantedHost, name: string, key: Buffer, entry: KnownHost): Problem {
  return {
    code: 'HOST_KEY_CHANGED',
    summary: `The host key of ${describeHost(host)} is not the one on file: somebody may be in between, or the server was set up anew`,
    detail: `The server shows ${describeKey(key)}; ${entry.file}:${entry.line} has ${describeKey(entry.key)}.`,
    hint: `Ask the server's owner. If the change is theirs: \`ssh-keygen -R '${name}' -f '${entry.file}'\`, then connect once with ssh`,
  }
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

function describeHost(host: WantedHost): string {
  return `${host.name} (${formatHostPort(host.hostname, host.port)})`
}
