// What is allowed and still worth a word. Never fatal.

import type { ListenSpec } from '../model/address.ts'
import { isWildcard } from '../model/address.ts'
import type { ForwardSpec, HostSpec } from '../model/project.ts'
import { parseDestination } from './destination.ts'
import { lowestFreePort } from './privileged-port.ts'
import { type Reading, warn } from './reading.ts'
import { formatPointer, type Plain, pointer } from './tree.ts'

export function warnAbout(
  reading: Reading,
  hosts: ReadonlyMap<string, HostSpec>,
  forwards: readonly ForwardSpec[],
): void {
  const lowest = lowestFreePort()
  for (const forward of forwards) {
    warnOpenToAll(reading, forward)
    warnNeverIdle(reading, forward, hosts)
    warnPrivileged(reading, forward, lowest)
    warnNearlyDeclared(reading, forward, hosts)
  }
  warnSecrets(reading, reading.raw.value, [])
}

function warnOpenToAll(reading: Reading, forward: ForwardSpec): void {
  const path = pointer('forwards', forward.name, forward.kind)
  const where = forward.kind === 'remote' ? forward.via : 'this machine'
  if (isOpen(forward.listen) && !forward.allowFrom) {
    const summary = `forwards.${forward.name} listens on all interfaces of ${where}, for whoever reaches them`
    const hint = forward.gateway
      ? 'A relay takes them all: a firewall there, or allow_from without `gateway`, says who may come'
      : 'Say with allow_from whose connections are taken'
    warn(reading, path, summary, hint)
  }
  if (forward.kind === 'remote' && forward.to.kind === 'socks' && !forward.allowTo) {
    const summary = `forwards.${forward.name} lets clients on ${forward.via} reach everything that this machine reaches`
    warn(reading, path, summary, 'Say with allow_to what may be reached')
  }
}

/** Who says it of all hosts knows that some will not; who says it of this one may wonder. */
function warnNeverIdle(
  reading: Reading,
  { name, kind, via }: ForwardSpec,
  hosts: ReadonlyMap<string, HostSpec>,
): void {
  const path = pointer('hosts', via, 'connect')
  if (kind !== 'remote' || hosts.get(via)?.connect !== 'on_demand' || !reading.tree.places.has(path)) return
  const summary = `hosts.${via} stays connected although it is on_demand: forwards.${name} listens on it`
  warn(
    reading,
    path,
    summary,
    'A remote forward needs the connection all the time; give it a host of its own',
  )
}

function isOpen(listen: ListenSpec): boolean {
  if (listen.kind === 'unix' || listen.bind === 'loopback') return false
  return listen.bind === 'any' || isWildcard(listen.bind.address)
}

function warnPrivileged(reading: Reading, { name, kind, listen }: ForwardSpec, lowest: number): void {
  if (kind === 'remote' || listen.kind === 'unix' || listen.port === 'auto' || listen.port >= lowest) return
  const summary = `forwards.${name} listens on port ${listen.port}: this user may not bind ports below ${lowest}`
  const hint = `Listen on ${listen.port + 8000} instead, or let this user: sysctl net.ipv4.ip_unprivileged_port_start`
  warn(reading, pointer('forwards', name, kind), summary, hint)
}

/** `bob@acme` is what ssh knows as acme: somebody who declares acme may expect their own. */
function warnNearlyDeclared(
  reading: Reading,
  { name, via }: ForwardSpec,
  hosts: ReadonlyMap<string, HostSpec>,
): void {
  const hostname = hosts.get(via)?.implicit ? parseDestination(via)?.hostname : undefined
  if (hostname === undefined || hostname === via || hosts.get(hostname)?.implicit !== undefined) return
  if (!hosts.has(hostname)) return
  const summary = `forwards.${name} goes to ${via}, which is not the host ${hostname} of this file`
  warn(reading, pointer('forwards', name, 'via'), summary, `Write ${hostname}, or declare a second host`)
}

/** Said again by who knows better: see load-wanted.ts. */
export function wordUnused(name: string): string {
  return `hosts.${name} is used by no forward`
}

const HOP = 'All is well where a ProxyJump of your ssh configuration leads through it'

/** `used`: every host that some forward needs, jumps included. */
export function warnUnused(reading: Reading, hosts: Iterable<HostSpec>, used: ReadonlySet<string>): void {
  for (const host of hosts) {
    if (used.has(host.name) || host.implicit) continue
    warn(
      reading,
      pointer('hosts', host.name),
      wordUnused(host.name),
      host.sshConfig === false ? undefined : HOP,
    )
  }
}

const SECRETS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /:\/\/[^\s:@/]+:(?!\$|\{|<|\*)[^\s@/]+@/,
  /\b(?:password|passwd|passphrase|secret|token|api_?key)\s*[=:]\s*(?!\$|\{|<|\*)\S{4,}/i,
  /\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_[A-Za-z0-9]{36}|xox[abps]-[A-Za-z0-9-]{10,}|glpat-[\w-]{20})/,
]

/** Looks at what was written, before variables were filled in. `keys`: the way to the value. */
function warnSecrets(reading: Reading, value: Plain, keys: string[]): void {
  if (typeof value === 'string' && SECRETS.some((secret) => secret.test(value))) {
    const path = pointer(...keys)
    const summary = `${formatPointer(path)} looks as if it holds a secret`
    warn(reading, path, summary, 'Keep it in an environment variable or in .env, and name the variable here')
  }
  if (typeof value !== 'object' || value === null) return
  for (const [key, child] of Object.entries(value)) {
    keys.push(key)
    warnSecrets(reading, child, keys)
    keys.pop()
  }
}
