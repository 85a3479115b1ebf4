// What a forward of the file may do that its reader has to agree to: whom it lets in, what it runs, and what it sends.

import { formatListenSpec, formatTarget } from '../model/address.ts'
import type { ForwardSpec, HostSpec } from '../model/project.ts'
import type { TrustKind, TrustPart } from '../model/trust.ts'
import { decidesWhatRuns } from './code-variables.ts'
import { HOST_OPTIONS } from './expand-short-forms.ts'
import { isReachable } from './listen.ts'
import { type Found, find, openSection, openSubsection, type Section, valueAt } from './reading.ts'
import { pointer } from './tree.ts'
import { type Finding, placeOf, SENT, variablePart, writtenAt } from './trust-finding.ts'
import { withServer } from './trust-server.ts'

export function partsOfForward(
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
