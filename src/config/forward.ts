// One forward: which kind it is, where it listens and where it goes, and its options with their defaults. Keys
// that do not apply to it are a problem where the forward has them itself, and skipped where defaults bring them.

import { isIP } from 'node:net'
import { checkAllowFrom } from '../forward/allow-from.ts'
import { checkAllowTo } from '../forward/allow-to.ts'
import type { Bind, ListenSpec, Target } from '../model/address.ts'
import type { ForwardKind, ForwardSpec } from '../model/project.ts'
import { readDestination } from './destination.ts'
import { parseDuration } from './duration.ts'
import { readHealthcheck } from './healthcheck.ts'
import { parseHostname } from './hostname.ts'
import { parseListen } from './listen.ts'
import { isMisspelt } from './misspelt.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import {
  applies,
  find,
  openSection,
  openSubsection,
  type Reading,
  read,
  report,
  type Section,
} from './reading.ts'
import { type References, resolveReference } from './references.ts'
import { parseBoolean, parseCount, parseList, parseText, parseVariableName } from './scalars.ts'
import { parseMode } from './socket-mode.ts'
import { parseTarget } from './target.ts'
import { readTemplates } from './templates.ts'
import { type Plain, pointer } from './tree.ts'

const KINDS = ['local', 'remote', 'dynamic'] as const
const DEFAULT_MODE = 0o600
const DEFAULT_DRAIN_MS = 600_000
const DEFAULT_MAX_CONNECTIONS = 1024

/** Where it listens and goes, as far as that could be read. */
export interface Ends {
  kind: ForwardKind
  listen: ListenSpec | undefined
  to: Target | undefined
}

/** What is known of a forward even when it cannot be had: enough to see who would use which host. */
export interface ForwardDraft {
  name: string
  via: string
  profiles: string[]
  /** Null when something needed is missing or wrong. */
  spec: ForwardSpec | null
}

export function readForward(reading: Reading, name: string, references: References): ForwardDraft {
  const path = pointer('forwards', name)
  const section = openSection(reading, path, '/defaults/forwards')
  const draft: ForwardDraft = { name, via: '', profiles: [], spec: null }
  if (section.layers[0]?.path !== path) return draft
  const via = readVia(section, path, references)
  const profiles = read(section, 'profiles', parseList(parseText)) ?? []
  const ends = readEnds(section, path)
  const options = ends && readOptions(section, ends)
  if (via !== undefined && ends?.listen && ends.to && options) {
    const { kind, listen, to } = ends
    draft.spec = { name, kind, via, listen, to, profiles, ...options }
    const at = reading.tree.places.get(path)?.key
    if (at) draft.spec.at = at
  }
  return { ...draft, via: via ?? '', profiles }
}

function readVia(section: Section, path: string, references: References): string | undefined {
  if (!find(section, 'via')) {
    if (isMisspelt(section, ['via'])) return undefined
    const complaint = 'is missing: the host that carries the forward'
    report(section.reading, `${path}/via`, { complaint }, 'CONFIG_SCHEMA', 'key')
    return undefined
  }
  const destination = read(section, 'via', readDestination)
  if (!destination) return undefined
  const reference = resolveReference(destination, references)
  if (reference.ok) return reference.value
  report(section.reading, find(section, 'via')!.path, reference, 'CONFIG_REFERENCE')
  return undefined
}

function readEnds(section: Section, path: string): Ends | null {
  const kind = readKind(section, path)
  if (!kind) return null
  const listen = read(section, kind, (value, base) =>
    parseListen(value, kind === 'remote' ? 'there' : 'here', base),
  )
  return { kind, listen, to: readTo(section, path, kind) }
}

/** The forward's own kind; that of the defaults only where it has none. */
function readKind(section: Section, path: string): ForwardKind | null {
  const [own] = section.layers
  const candidates = [own, section.layers[1]].map((layer) =>
    KINDS.filter((kind) => layer && Object.hasOwn(layer.map, kind)),
  )
  const kinds = candidates[0]!.length > 0 ? candidates[0]! : candidates[1]!
  const [kind, ...more] = kinds
  if (!kind && !isMisspelt(section, KINDS)) {
    const complaint = 'needs one of local, remote and dynamic: where it listens'
    report(section.reading, path, { complaint }, 'CONFIG_SCHEMA', 'key')
  }
  for (const other of more) {
    const complaint = `is one too many: the forward already has ${kind}`
    report(
      section.reading,
      find(section, other)!.path,
      { complaint, hint: 'Keep one of local, remote and dynamic' },
      'CONFIG_CONFLICT',
      'key',
    )
  }
  return kind ?? null
}

function readTo(section: Section, path: string, kind: ForwardKind): Target | undefined {
  if (kind === 'dynamic') {
    applies(section, 'to', false, 'has no place beside dynamic: each SOCKS client says where it wants to go')
    return { kind: 'socks' }
  }
  if (!find(section, 'to')) {
    if (isMisspelt(section, ['to'])) return undefined
    const complaint = 'is missing: where connections go'
    report(section.reading, `${path}/to`, { complaint }, 'CONFIG_SCHEMA', 'key')
    return undefined
  }
  return read(section, 'to', (value, base) => {
    if (value === 'socks' && kind === 'local')
      return refused('can be socks only with remote', 'Write dynamic instead of local')
    return parseTarget(value, kind === 'remote' ? 'here' : 'there', base)
  })
}

type Options = Omit<ForwardSpec, 'name' | 'at' | 'kind' | 'via' | 'listen' | 'to' | 'profiles'>

function readOptions(section: Section, ends: Ends): Options {
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
  const passwordEnv = read(auth, 'password_env', parseVariableName)
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
