// Finds what a file may do that its reader has to agree to (02, Trust): runs over what was understood of hosts and
// forwards, and looks at the text only for where a part stands and which variables it is made of.

import { formatListenSpec, formatTarget } from '../model/address.ts'
import type { ForwardSpec, HostSpec } from '../model/project.ts'
import { OTHER_HOSTS, type TrustKind, type TrustPart } from '../model/trust.ts'
import { decidesWhatRuns } from './code-variables.ts'
import { formatDestination } from './destination.ts'
import { HOST_OPTIONS } from './expand-short-forms.ts'
import { isReachable } from './listen.ts'
import type { Normalized } from './normalize.ts'
import {
  type Found,
  find,
  openSection,
  openSubsection,
  type Reading,
  type Section,
  valueAt,
} from './reading.ts'
import { formatPointer, type Place, type Plain, pointer } from './tree.ts'
import type { OriginsOf } from './variable-origins.ts'

/** `reached`: by pointer, the variables that a value is made of. */
export interface Traces {
  reached: ReadonlyMap<string, ReadonlySet<string>>
  originsOf: OriginsOf
}

interface Finding extends Traces {
  reading: Reading
  /** By place: where the words of short forms stand, which were given to hosts. */
  words: ReadonlyMap<Place, string>
}

/** Of every host and every forward that could be read. */
export function findTrustParts(
  reading: Reading,
  { hosts, hostDefaults, forwards }: Normalized,
  traces: Traces,
): TrustPart[] {
  const finding = { ...traces, reading, words: wordsOfShortForms(reading) }
  return [
    ...[...hosts.values()].flatMap((host) => partsOfHost(finding, host, `hosts.${host.name}`)),
    ...partsOfHost(finding, { ...hostDefaults, name: OTHER_HOSTS }, 'defaults.hosts'),
    ...[...forwards.values()].flatMap(({ spec }) => (spec ? partsOfForward(finding, spec, hosts) : [])),
  ]
}

function wordsOfShortForms({ raw }: Reading): Map<Place, string> {
  const isWord = ([path]: [string, Place]) => path.includes(pointer('', HOST_OPTIONS, ''))
  return new Map([...raw.places].filter(isWord).map(([path, place]) => [place, path]))
}

/** A server, or a name server, hears them. */
const SENT = ['hostname', 'user', 'proxy_jump', 'bind_address']

/** `under`: where its keys stand, for people. */
function partsOfHost(finding: Finding, host: HostSpec, under: string): TrustPart[] {
  const section = openSection(finding.reading, pointer('hosts', host.name), '/defaults/hosts')
  const owner = { what: 'host' as const, name: host.name }
  const part = (kind: TrustKind, key: string, text: string): TrustPart => ({
    ...placeOf(finding, find(section, key), key, under),
    kind,
    text,
    owner,
  })
  const parts: TrustPart[] = []
  const { proxyCommand, sshConfig, identityAgent, strictHostKeyChecking: strict } = host
  if (proxyCommand !== undefined && !/^none$/i.test(proxyCommand))
    parts.push(part('proxy_command', 'proxy_command', proxyCommand))
  if (typeof sshConfig === 'string')
    parts.push({ ...part('ssh_config', 'ssh_config', sshConfig), file: sshConfig })
  if (host.passwordEnv !== undefined)
    parts.push(
      withServer(finding, host, (server) =>
        part('password_env', 'password_env', `sends what ${host.passwordEnv} holds to ${server}`),
      ),
    )
  if (host.passphraseEnv !== undefined)
    parts.push(part('passphrase_env', 'passphrase_env', wordPassphrase(host)))
  // `none` takes something away, and nobody has to agree to that.
  if (identityAgent !== undefined && identityAgent !== 'none')
    parts.push(part('identity_agent', 'identity_agent', `${identityAgent} logs in to ${endpointOf(host)}`))
  if (host.userKnownHostsFile)
    parts.push(part('known_hosts', 'user_known_hosts_file', host.userKnownHostsFile.join(' ')))
  if (host.globalKnownHostsFile)
    parts.push(part('known_hosts', 'global_known_hosts_file', host.globalKnownHostsFile.join(' ')))
  if (host.hostKeyAlias !== undefined) parts.push(part('host_key_alias', 'host_key_alias', wordAlias(host)))
  if (strict === 'no' || strict === 'accept-new')
    parts.push(
      withServer(finding, { ...host, hostKeys: undefined }, (server) =>
        part('strict_host_key_checking', 'strict_host_key_checking', wordChecking(host, server)),
      ),
    )
  if (host.hostKeys)
    parts.push(part('host_keys', 'host_keys', `${host.hostKeys.join(' ')} for ${endpointOf(host)}`))
  const named = SENT.flatMap((key) => find(section, key) ?? [])
  return [...parts, ...named.flatMap((found) => variablePart(finding, found.path, under, owner))]
}

function wordPassphrase(host: HostSpec): string {
  const keys = host.identityFile?.join(' ') ?? 'your keys'
  return `decrypts ${keys} with what ${host.passphraseEnv} holds, to log in to ${endpointOf(host)}`
}

function wordAlias(host: HostSpec): string {
  return `the keys that known_hosts has for ${host.hostKeyAlias} are believed of ${endpointOf(host)}`
}

/** Without the user's own ssh configuration other known_hosts files, and other names in them, decide what is new. */
function wordChecking({ strictHostKeyChecking, sshConfig }: HostSpec, server: string): string {
  const alone = sshConfig === false ? ', without your ssh configuration' : ''
  return `${strictHostKeyChecking} for ${server}${alone}`
}

/**
 * A part that is about one server: where that is, and which keys the file believes of it, belong to what is agreed to, or
 * an edit of those would turn it to somebody else. What a variable brought into its name is not shown.
 */
function withServer(finding: Finding, host: Server, make: (server: string) => TrustPart): TrustPart {
  const section = openSection(finding.reading, pointer('hosts', host.name), '/defaults/hosts')
  const found = find(section, 'hostname')
  const hostname = found ? writtenAt(finding, found.path) : undefined
  const part = make(wordServer(host))
  if (hostname === undefined || part.written !== undefined) return part
  return { ...part, written: make(wordServer({ ...host, hostname })).text }
}

type Server = Omit<HostSpec, 'hostKeys'> & { hostKeys?: string[] | undefined }

function wordServer({ hostKeys, ...host }: Server): string {
  const keys = hostKeys ? `, known by ${hostKeys.join(' ')}` : ''
  return `${endpointOf(host)}${keys}`
}

/** Which server, as far as the file says it: as whom somebody logs in there makes no difference to what it may do. */
function endpointOf({ name, hostname, port, implicit }: HostSpec): string {
  if (name === OTHER_HOSTS) return 'hosts that only your ssh configuration names'
  if (implicit && hostname === undefined) return name
  return formatDestination({ hostname: hostname ?? name, ...(port !== undefined && { port }) })
}

function partsOfForward(
  finding: Finding,
  forward: ForwardSpec,
  hosts: ReadonlyMap<string, HostSpec>,
): TrustPart[] {
  const { name, kind, listen, healthcheck, gateway, auth } = forward
  const section = openSection(finding.reading, pointer('forwards', name), '/defaults/forwards')
  const owner = { what: 'forward' as const, name }
  const part = (of: TrustKind, found: Found | null, key: string, text: string): TrustPart => ({
    ...placeOf(finding, found, key, `forwards.${name}`),
    kind: of,
    text,
    owner,
  })
  const host = hosts.get(forward.via) ?? { name: forward.via }
  const relay = () =>
    withServer(finding, host, (server) =>
      part('gateway', find(section, 'gateway'), 'gateway', wordGateway(forward, wordVia(forward, server))),
    )
  const open = (of: 'remote' | 'wildcard', word: (via: string) => string) =>
    withEnds(
      finding,
      section,
      withServer(finding, host, (server) =>
        part(of, find(section, kind), kind, word(wordVia(forward, server))),
      ),
    )
  const parts: TrustPart[] = []
  if (kind === 'remote') parts.push(open('remote', (via) => wordRemote(forward, via)))
  else if (listen.kind === 'tcp' && isReachable(listen.bind))
    parts.push(open('wildcard', (via) => wordWildcard(forward, via)))
  if (healthcheck?.type === 'command')
    parts.push(
      part(
        'healthcheck',
        find(openSubsection(section, 'healthcheck'), 'command'),
        'healthcheck.command',
        healthcheck.command.map((word) => JSON.stringify(word)).join(' '),
      ),
    )
  if (gateway) parts.push(relay())
  const templates = openSubsection(section, 'env')
  for (const [variable, template] of Object.entries(forward.env).filter(([each]) => decidesWhatRuns(each)))
    parts.push(part('env', find(templates, variable), `env.${variable}`, `${variable}=${template}`))
  const password = find(openSubsection(section, 'auth'), 'password_env')
  if (auth)
    parts.push(
      part('password_env', password, 'auth.password_env', `asks clients for what ${auth.passwordEnv} holds`),
    )
  return [...parts, ...variablesOfForward(finding, section, forward)]
}

function wordGateway({ listen }: ForwardSpec, via: string): string {
  return `a relay on ${via} takes whoever reaches ${formatListenSpec(listen)} there`
}

/** The host by its name, and the server that it is where that says more. */
function wordVia({ via }: ForwardSpec, server: string): string {
  return server === via || via.endsWith(`@${server}`) ? via : `${via} (${server})`
}

function wordRemote({ listen, to, ...forward }: ForwardSpec, via: string): string {
  const target = to.kind === 'socks' ? 'whatever this machine reaches' : `${formatTarget(to)} here`
  return `${formatListenSpec(listen)} on ${via} leads to ${target}${wordLimits(forward)}`
}

function wordWildcard({ listen, to, ...forward }: ForwardSpec, via: string): string {
  const target = to.kind === 'socks' ? `whatever ${via} reaches` : `${formatTarget(to)} of ${via}`
  return `${formatListenSpec(listen)} here leads to ${target}${wordLimits(forward)}`
}

/** Part of what is agreed to: a limit that goes opens more. */
function wordLimits({
  allowFrom,
  allowTo,
  auth,
}: Pick<ForwardSpec, 'allowFrom' | 'allowTo' | 'auth'>): string {
  const from = allowFrom ? `, for ${allowFrom.join(' ')} only` : ''
  const to = allowTo ? `, of that ${allowTo.join(' ')} only` : ''
  return `${from}${to}${auth ? ', with a password' : ''}`
}

/** Where it listens and where it goes, as the file has them. */
function withEnds(finding: Finding, section: Section, part: TrustPart): TrustPart {
  const ends = [part.kind === 'remote' ? 'remote' : 'local', 'dynamic', 'to', 'via'].flatMap((key) => {
    const found = find(section, key)
    return found ? [{ key, found, written: writtenAt(finding, found.path) }] : []
  })
  if (ends.every(({ written }) => written === undefined)) return part
  const words = ends.map(({ key, found, written }) => `${key}: ${written ?? String(found.value)}`)
  return { ...part, written: words.join(', ') }
}

function variablesOfForward(finding: Finding, section: Section, { name, kind }: ForwardSpec): TrustPart[] {
  const owner = { what: 'forward' as const, name }
  const found = [
    find(section, 'via'),
    // The server hears it at the first connection; that of a remote forward is shown with it.
    kind === 'remote' ? null : targetWithSecret(finding, section),
    find(openSubsection(section, 'http'), 'host_header'),
    find(openSubsection(section, 'healthcheck'), 'path'),
  ]
  const paths = found.flatMap((one) => (one ? [one.path] : []))
  const options = valueAt(finding.reading.raw.value, pointer('forwards', name, HOST_OPTIONS))
  for (const [index, option] of (Array.isArray(options) ? options : []).entries()) {
    const [key] = option as [string, string]
    const path = pointer('forwards', name, HOST_OPTIONS, index, 1)
    if (SENT.includes(key)) paths.push(path)
  }
  return paths.flatMap((path) => variablePart(finding, path, `forwards.${name}`, owner))
}

/** Null where a variable brings no more than the port: that many bits are nobody's secret. */
function targetWithSecret(finding: Finding, section: Section): Found | null {
  const found = find(section, 'to')
  const [, host] = /^(.*:)?\d{1,5}$/.exec(String(found?.value)) ?? [null, null]
  if (!found || host === null) return found
  return writtenAt(finding, found.path)?.startsWith(host ?? '') ? null : found
}

/**
 * Not the value, which may be a secret and is nobody's to agree to, but which variables reach this place, and how.
 * Nothing where none does that could be a secret.
 */
function variablePart(finding: Finding, path: string, under: string, owner: TrustPart['owner']): TrustPart[] {
  const { reached, originsOf, reading } = finding
  const names = pathsWithin(reading, path).flatMap((at) => [...(reached.get(at) ?? [])])
  const origins = [...new Set(names.flatMap(originsOf))].sort()
  if (origins.length === 0) return []
  const template = writtenAt(finding, path) ?? String(valueAt(reading.raw.value, path))
  const { written: _, ...place } = placeOf(finding, { path }, '', under)
  return [
    {
      ...place,
      kind: 'variable',
      text: `${template}, with what ${origins.join(' and ')} ${origins.length === 1 ? 'holds' : 'hold'}`,
      owner,
    },
  ]
}

/** The value, and where it is a list, each of its items. */
function pathsWithin({ raw }: Reading, path: string): string[] {
  const value = valueAt(raw.value, path)
  return Array.isArray(value) ? [path, ...value.map((_, index) => path + pointer(index))] : [path]
}

/** `under`: what to call it where the value comes from the defaults, or from a short form. */
function placeOf(finding: Finding, found: Pick<Found, 'path'> | null, key: string, under: string) {
  const own = found && formatPointer(found.path)
  const last = key || (found ? (found.path.split('/').at(-1) ?? '') : '')
  const isOwn = own?.startsWith(`${under}.`) && !own.includes(`.${HOST_OPTIONS}.`)
  const place = found && nearestPlace(finding.reading, found.path)
  const written = found ? writtenAt(finding, found.path) : undefined
  return {
    path: isOwn ? own! : /^\d+$/.test(last) ? under : `${under}.${last}`,
    ...(place && { at: place.value, span: place.span }),
    ...(written !== undefined && { written }),
  }
}

function nearestPlace({ tree }: Reading, path: string): Place | undefined {
  for (let at = path; at !== ''; at = at.slice(0, at.lastIndexOf('/'))) {
    const place = tree.places.get(at)
    if (place) return place
  }
  return undefined
}

/** Undefined where no variable brought anything. */
function writtenAt({ reading, words }: Finding, path: string): string | undefined {
  const place = reading.tree.places.get(path)
  const source = valueAt(reading.raw.value, path) === undefined && place ? words.get(place) : path
  const raw = source === undefined ? undefined : valueAt(reading.raw.value, source)
  const isFilled = JSON.stringify(raw) !== JSON.stringify(valueAt(reading.tree.value, path))
  return raw === undefined || !isFilled ? undefined : formatPlain(raw)
}

function formatPlain(value: Plain): string {
  return Array.isArray(value) ? value.map(formatPlain).join(' ') : String(value)
}
