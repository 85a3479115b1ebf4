// The lines of `ssh -G` in the words of a host of tunnels.yaml: those keywords that bear on a connection of ours, where
// they differ from what ssh prints by itself. Tokens that it leaves unexpanded are tokens.ts's.

import { hostnameComplaint } from '../config/hostname.ts'
import { parseProxyJump } from '../config/proxy-jump.ts'
import { type Problem, ProblemError } from '../model/problem.ts'
import type { HostSpec } from '../model/project.ts'

export interface SshSettings {
  /** Only what is set; files and the agent may hold tokens. */
  set: Partial<HostSpec>
  /** Keywords that restrict and cannot be honoured, as ssh_config(5) spells them. */
  unmet: string[]
  /** ProxyUseFdpass: its ProxyCommand hands over a socket, and ends. */
  passesSocket: boolean
  /** The files that ssh read. */
  files: string[]
  /** Forwards that it would open; not ours to open. */
  forwards: SshForward[]
}

/** As one would type it: what stands behind -L, -R or -D. `isOpen`: GatewayPorts opens a bare port of this machine to others. */
export interface SshForward {
  letter: 'L' | 'R' | 'D'
  argument: string
  isOpen: boolean
}

type Values = ReadonlyMap<string, readonly string[]>

/** `bare`: what ssh prints without any configuration. Throws a ProblemError (CONFIG_SSH) for a host or jump that no host can have. */
export function readSettings(
  printed: readonly string[],
  bare: readonly string[],
  { name, files, home }: { name: string; files: string[]; home: string },
): SshSettings {
  const defaults = valuesOf(bare)
  const values = new Map([...valuesOf(printed)].filter(([key, all]) => !isSame(all, defaults.get(key))))
  const set: Record<string, unknown> = {}
  for (const [keyword, [field, read]] of Object.entries(KEYWORDS)) {
    const all = values.get(keyword)
    const value = all && read(all, { home, bare: defaults.get(keyword)?.[0] })
    if (value !== undefined) set[field] = value
  }
  if (set.hostname === name) delete set.hostname
  const methods = methodsOf(values, set.preferredAuthentications as string | undefined)
  if (methods !== undefined) set.preferredAuthentications = methods
  const unmet = Object.entries(UNMET).flatMap(([keyword, nothing]) => {
    const [value = nothing] = values.get(keyword.toLowerCase()) ?? []
    return value === nothing ? [] : keyword
  })
  const passesSocket = values.get('proxyusefdpass')?.[0] === 'yes'
  return { set: set as Partial<HostSpec>, unmet, passesSocket, files, forwards: forwardsOf(values) }
}

/** Keywords in small letters; those that may stand several times have several values. */
function valuesOf(lines: readonly string[]): Map<string, string[]> {
  const values = new Map<string, string[]>()
  for (const line of lines) {
    const blank = line.indexOf(' ')
    if (blank < 1) continue
    const keyword = line.slice(0, blank).toLowerCase()
    values.set(keyword, [...(values.get(keyword) ?? []), line.slice(blank + 1).trim()])
  }
  return values
}

function isSame(a: readonly string[], b: readonly string[] | undefined): boolean {
  return a.join('\n') === b?.join('\n')
}

interface Context {
  home: string
  /** What ssh prints for the keyword by itself. */
  bare: string | undefined
}

type Read = (all: readonly string[], context: Context) => unknown

const text: Read = ([value]) => value
const word: Read = ([value]) => value?.toLowerCase()
const number: Read = ([value]) => (/^\d+$/.test(value ?? '') ? Number(value) : undefined)
const yesOrNo: Read = ([value]) => value === 'yes' || value === 'true'
/** 0 is ssh's own value for "not set". */
const seconds: Read = ([value]) => (/^[1-9]\d*$/.test(value ?? '') ? Number(value) * 1000 : undefined)
const list: Read = (all) => [...all]
const notNone: Read = ([value]) => (value === 'none' ? undefined : value)

/** In the order of 01-config-language. */
const KEYWORDS: Record<string, [keyof HostSpec, Read]> = {
  hostname: ['hostname', readHostname],
  port: ['port', number],
  user: ['user', text],
  identityfile: ['identityFile', list],
  identitiesonly: ['identitiesOnly', yesOrNo],
  identityagent: ['identityAgent', text],
  certificatefile: ['certificateFile', (all) => all.filter((file) => file !== 'none')],
  proxyjump: ['proxyJump', readJumps],
  proxycommand: ['proxyCommand', notNone],
  stricthostkeychecking: ['strictHostKeyChecking', readChecking],
  userknownhostsfile: ['userKnownHostsFile', readFiles],
  globalknownhostsfile: ['globalKnownHostsFile', readFiles],
  hostkeyalias: ['hostKeyAlias', text],
  connecttimeout: ['connectTimeoutMs', seconds],
  serveraliveinterval: ['serverAliveIntervalMs', seconds],
  serveralivecountmax: ['serverAliveCountMax', number],
  compression: ['compression', yesOrNo],
  ciphers: ['ciphers', readAlgorithms],
  macs: ['macs', readAlgorithms],
  kexalgorithms: ['kexAlgorithms', readAlgorithms],
  hostkeyalgorithms: ['hostKeyAlgorithms', readAlgorithms],
  pubkeyacceptedkeytypes: ['pubkeyAcceptedAlgorithms', readAlgorithms],
  pubkeyacceptedalgorithms: ['pubkeyAcceptedAlgorithms', readAlgorithms],
  preferredauthentications: ['preferredAuthentications', text],
  numberofpasswordprompts: ['numberOfPasswordPrompts', number],
  bindaddress: ['bindAddress', text],
  bindinterface: ['bindInterface', text],
  addressfamily: ['addressFamily', word],
  hashknownhosts: ['hashKnownHosts', yesOrNo],
}

/** What they forbid would be done all the same: worth a word. By the value with which they forbid nothing. */
const UNMET = {
  RevokedHostKeys: 'none',
  KnownHostsCommand: 'none',
  PKCS11Provider: 'none',
  RequiredRSASize: '0',
  PermitRemoteOpen: 'any',
  CheckHostIP: 'no',
}

/** It goes to a resolver, and into commands as %h. */
function readHostname([value = '']: readonly string[]): string {
  const complaint = hostnameComplaint(value)
  if (complaint)
    throw unusable(`the HostName ${JSON.stringify(value)} must be a host name or an IP address${complaint}`)
  return value
}

function readJumps([value = '']: readonly string[]): string[] {
  const hops = parseProxyJump(value)
  if (!hops.ok) throw unusable(`its ProxyJump ${JSON.stringify(value)} ${hops.complaint}`)
  return hops.value
}

function unusable(what: string): ProblemError {
  const problem: Problem = { code: 'CONFIG_SSH', summary: `In your ssh configuration ${what}` }
  return new ProblemError(problem)
}

function readChecking([value]: readonly string[]): HostSpec['strictHostKeyChecking'] {
  if (value === 'true' || value === 'yes') return 'yes'
  if (value === 'accept-new') return value
  return value === 'ask' ? 'ask' : 'no'
}

/** ssh prints them with blanks between them and within; it has made them absolute, as a rule. */
function readFiles([value = '']: readonly string[], { home }: Context): string[] {
  const files = value.split(/\s+(?=[/~]|none(?:\s|$))/).filter((file) => file !== '')
  return files.map((file) => (file.startsWith('~/') ? `${home}${file.slice(1)}` : file))
}

/**
 * ssh prints the whole list: one that only adds to its own, or takes from it, is said as such (`+a`, `-a`), because our
 * own list is another one, and ssh orders host keys by what is known only then.
 */
function readAlgorithms([value = '']: readonly string[], { bare = '' }: Context): string {
  const own = bare.split(',')
  const names = value.split(',')
  if (names.length > own.length && isSame(names.slice(0, own.length), own)) {
    return `+${names.slice(own.length).join(',')}`
  }
  const gone = own.filter((name) => !names.includes(name))
  const rest = own.filter((name) => names.includes(name))
  return gone.length > 0 && gone.length <= rest.length && isSame(names, rest) ? `-${gone.join(',')}` : value
}

/**
 * `8080 [zaiste.net]:80`, `[*]:8080 /run/x.sock`, `1080 [socks]:0`. ssh prints a local forward to a Unix socket a second time,
 * as if it were dynamic.
 */
function forwardsOf(values: Values): SshForward[] {
  const isOpen = /^(yes|clientspecified)$/.test(values.get('gatewayports')?.[0] ?? '')
  const locals = (values.get('localforward') ?? []).map((line) => line.split(' '))
  const remotes = (values.get('remoteforward') ?? []).map((line) => line.split(' '))
  const dynamics = (values.get('dynamicforward') ?? []).filter((listen) => {
    return !locals.some(([first, to]) => first === listen && to?.startsWith('/'))
  })
  return [
    ...locals.map((words) => forwardOf('L', words, isOpen)),
    ...remotes.map((words) => forwardOf('R', words, isOpen)),
    ...dynamics.map((listen) => forwardOf('D', [listen], isOpen)),
  ]
}

function forwardOf(letter: SshForward['letter'], words: string[], isOpen: boolean): SshForward {
  const sides = words.filter((word) => word !== '[socks]:0')
  const argument = sides
    .map((side) =>
      side.includes('/') ? side.replaceAll(':', '\\:') : side.replace(/^\[([^:\]]*)\]:/, '$1:'),
    )
    .join(':')
  return { letter, argument, isOpen }
}

const METHODS = ['publickey', 'keyboard-interactive', 'password']

/** Methods that are switched off are no longer preferred. Undefined: nothing is said of any. */
function methodsOf(values: Values, preferred: string | undefined): string | undefined {
  const isOff = (keyword: string) => /^(no|false)$/.test(values.get(keyword)?.[0] ?? '')
  const off = new Set([
    ...(isOff('pubkeyauthentication') ? ['publickey'] : []),
    ...(isOff('passwordauthentication') ? ['password'] : []),
    ...(isOff('kbdinteractiveauthentication') || isOff('challengeresponseauthentication')
      ? ['keyboard-interactive']
      : []),
  ])
  if (off.size === 0) return preferred
  const left = (preferred?.split(',') ?? METHODS).filter((method) => !off.has(method))
  return left.length > 0 ? left.join(',') : 'gssapi-with-mic'
}
