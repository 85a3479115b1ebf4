// A Project in the file's own words, long forms and defaults filled in: what `tunnels config` prints. Secrets are
// not in a Project; a password that somebody wrote into a URL is starred out.

import { formatListenSpec, formatTarget } from '../model/address.ts'
import type { ForwardSpec, HostSpec, Project, Reconnect } from '../model/project.ts'
import { parseDestination } from './destination.ts'
import { formatDuration } from './duration.ts'
import { formatHealthcheck } from './healthcheck.ts'
import { hostOptions } from './host.ts'
import { formatMode } from './socket-mode.ts'
import type { Plain, PlainMap } from './tree.ts'
import { formatYaml } from './yaml.ts'

/** YAML, or JSON; loading it again gives an equal project. */
export function formatConfig(project: Project, { json }: { json: boolean }): string {
  const plain = escapeDollars(formatProject(project))
  return json ? `${JSON.stringify(plain, null, 2)}\n` : formatYaml(plain)
}

function formatProject(project: Project): Plain {
  const names = nameHosts(project)
  const hosts = [...names].map(([text, name]) => [name, formatHost(project.hosts.get(text)!, names)])
  const forwards = [...project.forwards.values()].map((forward) => {
    return [forward.name, formatForward(forward, names)]
  })
  return {
    name: project.name,
    ...(hosts.length > 0 && { hosts: Object.fromEntries(hosts) }),
    forwards: Object.fromEntries(forwards),
  }
}

/** The declared hosts, and those implicit ones that are more than their destination says, under a name of their own. */
function nameHosts({ hosts }: Project): Map<string, string> {
  const names = new Map<string, string>()
  for (const host of hosts.values()) if (!host.implicit) names.set(host.name, host.name)
  const taken = new Set(names.keys())
  for (const host of hosts.values()) {
    if (!host.implicit || isOnlyDestination(host)) continue
    const plain = host.name.replaceAll(/[^A-Za-z0-9._-]+/g, '-').replace(/^[^A-Za-z0-9]+/, '')
    let name = plain.slice(0, 60)
    for (let count = 2; taken.has(name); count++) name = `${plain.slice(0, 58)}-${count}`
    taken.add(name)
    names.set(host.name, name)
  }
  return names
}

function isOnlyDestination(host: HostSpec): boolean {
  const destination = parseDestination(host.name)
  const { name, implicit, at, ...said } = host
  return Object.entries(said).every(([field, value]) => destination?.[field as 'port'] === value)
}

/** In the file a dollar begins a variable. */
function escapeDollars(value: Plain): Plain {
  if (typeof value === 'string') return value.replaceAll('$', '$$$$')
  if (Array.isArray(value)) return value.map(escapeDollars)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([key, child]) => [key, escapeDollars(child)]))
}

/** `names`: how the output calls hosts that are only named; absent: as they are. */
export function formatHost(host: HostSpec, names: ReadonlyMap<string, string> = new Map()): PlainMap {
  const map: PlainMap = {}
  for (const [field, option] of Object.entries(hostOptions)) {
    const value = host[field as keyof typeof hostOptions]
    if (value === undefined) continue
    const format = option.format as ((value: unknown) => Plain) | undefined
    map[option.key] = format ? format(value) : (value as Plain)
  }
  if (host.proxyJump?.length) map.proxy_jump = host.proxyJump.map((hop) => names.get(hop) ?? hop)
  if (host.reconnect) map.reconnect = formatReconnect(host.reconnect)
  return map
}

function formatReconnect({ initialMs, maxMs, attempts }: Partial<Reconnect>): PlainMap {
  return {
    ...(initialMs !== undefined && { initial: formatDuration(initialMs) }),
    ...(maxMs !== undefined && { max: formatDuration(maxMs) }),
    ...(attempts !== undefined && { attempts: Number.isFinite(attempts) ? attempts : 'unlimited' }),
  }
}

export function formatForward(
  forward: ForwardSpec,
  names: ReadonlyMap<string, string> = new Map(),
): PlainMap {
  const { kind, via, listen, to, allowFrom, allowTo, auth, healthcheck, hostHeader, gateway } = forward
  const { profiles, envPrefix, env, description } = forward
  const templates = Object.entries(env).map(([name, template]) => [name, starPasswords(template)])
  return {
    via: names.get(via) ?? via,
    [kind]: asNumber(formatListenSpec(listen)),
    ...(kind !== 'dynamic' && { to: formatTarget(to) }),
    ...(allowFrom && { allow_from: allowFrom }),
    ...(allowTo && { allow_to: allowTo }),
    ...(auth && { auth: { username: auth.username, password_env: auth.passwordEnv } }),
    ...(listen.kind === 'unix' && { socket: formatSocket(forward) }),
    drain: formatDuration(forward.drainMs),
    ...(forward.idleTimeoutMs > 0 && { idle_timeout: formatDuration(forward.idleTimeoutMs) }),
    max_connections: forward.maxConnections,
    ...(healthcheck && { healthcheck: formatHealthcheck(healthcheck) }),
    ...(hostHeader !== undefined && { http: { host_header: hostHeader } }),
    ...(gateway && { gateway }),
    ...(profiles.length > 0 && { profiles }),
    ...(envPrefix !== undefined && { env_prefix: envPrefix }),
    ...(templates.length > 0 && { env: Object.fromEntries(templates) }),
    ...(description !== undefined && { description: starPasswords(description) }),
  }
}

/** As somebody would write a bare port. */
function asNumber(text: string): Plain {
  return /^\d+$/.test(text) ? Number(text) : text
}

/** Permissions belong to sockets on this machine. */
function formatSocket({ kind, socket }: ForwardSpec): PlainMap {
  return kind === 'remote'
    ? { replace: socket.replace }
    : { mode: formatMode(socket.mode), replace: socket.replace }
}

function starPasswords(text: string): string {
  return text.replaceAll(/(:\/\/[^\s:@/]+:)[^\s@/]+@/g, '$1***@')
}
