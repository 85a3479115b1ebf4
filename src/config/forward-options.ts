// The options of a forward with their defaults, besides where it listens and goes. Keys that do not apply to it are a
// problem where the forward has them itself, and skipped where defaults bring them.

import { isIP } from 'node:net'
import { checkAllowFrom } from '../forward/allow-from.ts'
import { checkAllowTo } from '../forward/allow-to.ts'
import type { Bind } from '../model/address.ts'
import type { ForwardSpec } from '../model/project.ts'
import { readDestination } from './destination.ts'
import { parseDuration } from './duration.ts'
import type { Ends } from './forward.ts'
import { readHealthcheck } from './healthcheck.ts'
import { parseHostname } from './hostname.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import { applies, openSubsection, read, type Section } from './reading.ts'
import {
  parseBoolean,
  parseCount,
  parseList,
  parseSecretName,
  parseText,
  parseVariableName,
} from './scalars.ts'
import { parseMode } from './socket-mode.ts'
import { readTemplates } from './templates.ts'
import type { Plain } from './tree.ts'

const DEFAULT_MODE = 0o600
const DEFAULT_DRAIN_MS = 600_000
const DEFAULT_MAX_CONNECTIONS = 1024

type Options = Omit<ForwardSpec, 'name' | 'at' | 'kind' | 'via' | 'listen' | 'to' | 'profiles'>

export function readOptions(section: Section, ends: Ends): Options {
  const allowFrom = readAllowFrom(section, ends)
  const allowTo = readAllowTo(section, ends)
  const auth = readAuth(section, ends)
  const healthcheck = readHealthcheck(section, ends)
  const hostHeader = readHostHeader(section, ends)
  const envPrefix = read(section, 'env_prefix', parseVariableName)
  const gateway = readGateway(section, ends, allowFrom)
  const description = read(section, 'description', parseText)
  return {
    ...(allowFrom && { allowFrom }),
    ...(allowTo && { allowTo }),
    ...(auth && { auth }),
    socket: readSocket(section, ends),
    drainMs: read(section, 'drain', parseDuration) ?? DEFAULT_DRAIN_MS,
    idleTimeoutMs: read(section, 'idle_timeout', parseDuration) ?? 0,
    maxConnections: read(section, 'max_connections', parseCount(1)) ?? DEFAULT_MAX_CONNECTIONS,
    ...(healthcheck && { healthcheck }),
    ...(hostHeader !== undefined && { hostHeader }),
    ...(gateway && { gateway }),
    ...(envPrefix !== undefined && { envPrefix }),
    env: readTemplates(section, ends.listen),
    ...(description !== undefined && { description }),
  }
}

function readAllowFrom(section: Section, { listen }: Ends): string[] | undefined {
  const does = listen?.kind !== 'unix'
  if (
    !applies(section, 'allow_from', does, 'is for TCP listeners: clients of a Unix socket have no address')
  ) {
    return undefined
  }
  return read(
    section,
    'allow_from',
    parseList(checkedBy(checkAllowFrom, 'must be an IP address or a CIDR such as 10.0.0.0/8')),
  )
}

function readAllowTo(section: Section, { to }: Ends): string[] | undefined {
  const does = !to || to.kind === 'socks'
  if (!applies(section, 'allow_to', does, 'is for SOCKS: this forward goes to one target only'))
    return undefined
  return read(
    section,
    'allow_to',
    parseList(checkedBy(checkAllowTo, 'must be host[:port] with globs, CIDRs and port ranges')),
  )
}

function checkedBy(
  check: (text: string) => string | null,
  complaint: string,
): (value: Plain) => Parsed<string> {
  return (value) => (check(String(value)) === null ? parsed(String(value)) : refused(complaint))
}

function readAuth(section: Section, { to }: Ends): ForwardSpec['auth'] | undefined {
  const does = !to || to.kind === 'socks'
  if (!applies(section, 'auth', does, 'is for SOCKS: nothing else asks its clients for a password'))
    return undefined
  const auth = openSubsection(section, 'auth')
  const username = read(auth, 'username', parseUsername)
  const passwordEnv = read(auth, 'password_env', parseSecretName)
  return username !== undefined && passwordEnv !== undefined ? { username, passwordEnv } : undefined
}

/** RFC 1929: one byte of length. */
function parseUsername(value: Plain): Parsed<string> {
  const text = parseText(value)
  return text.ok && Buffer.byteLength(text.value) > 255 ? refused('must have at most 255 bytes') : text
}

function readSocket(section: Section, { kind, listen }: Ends): ForwardSpec['socket'] {
  const defaults = { mode: DEFAULT_MODE, replace: true }
  const does = listen?.kind !== 'tcp'
  if (!applies(section, 'socket', does, 'is for listeners that are Unix sockets: this one is a port'))
    return defaults
  const socket = openSubsection(section, 'socket')
  const isHere = kind !== 'remote'
  const mode = applies(socket, 'mode', isHere, 'is for sockets on this machine: there the server decides')
    ? read(socket, 'mode', parseMode)
    : undefined
  return {
    mode: mode ?? defaults.mode,
    replace: read(socket, 'replace', parseBoolean) ?? defaults.replace,
  }
}

function readHostHeader(section: Section, { kind, listen }: Ends): string | undefined {
  const does = kind === 'local' && listen?.kind !== 'unix'
  if (!applies(section, 'http', does, 'is for local forwards that listen on a port')) return undefined
  return read(openSubsection(section, 'http'), 'host_header', parseHostHeader)
}

/** RFC 9110 section 7.2: a host, and a port when it is not the usual one. */
function parseHostHeader(value: Plain): Parsed<string> {
  const destination = readDestination(value)
  if (!destination.ok || destination.value.user !== undefined) {
    return refused('must be a host name, perhaps with a port')
  }
  const hostname = parseHostname(destination.value.hostname)
  return hostname.ok ? parsed(String(value)) : hostname
}

/** What it would open to others, `allow_from` must be able to close again, and through a relay it cannot. */
function readGateway(
  section: Section,
  { kind, listen }: Ends,
  allowFrom: string[] | undefined,
): ForwardSpec['gateway'] | undefined {
  const isReached = !listen || (listen.kind === 'tcp' && isRelayed(listen.bind))
  const where = 'is for remote forwards that listen on all interfaces ("*:8001") or an IP address of the host'
  if (!applies(section, 'gateway', kind === 'remote' && isReached, where)) return undefined
  const together = 'cannot be had with allow_from: through a relay every client looks like the host itself'
  if (!applies(section, 'gateway', allowFrom === undefined, together)) return undefined
  return read(section, 'gateway', (value) => (value === 'relay' ? parsed('relay') : refused('must be relay')))
}

/** A name is looked up by the server, and sshd listens on its loopback whatever it says. */
function isRelayed(bind: Bind): boolean {
  if (typeof bind === 'string') return bind === 'any'
  return isIP(bind.address) !== 0 && !bind.address.includes('%') && !/^(127\.|::1$)/.test(bind.address)
}
