// What a host of the file is in the words of ssh(1): options, and the destination. What the file leaves open is left open,
// because ssh reads the same ssh configuration. Hosts on the way are -J where a destination says all of them, else a
// ProxyCommand that says the rest.

import { formatHostPort } from '../model/address.ts'
import type { HostSpec, Project } from '../model/project.ts'
import { formatShellWords } from './shell-words.ts'

export interface SshHost {
  options: string[]
  /** `[user@]host`. */
  destination: string
  /** What ssh cannot do, in words without any sign that a shell minds. */
  lacks: string[]
}

export function sshHost(project: Project, name: string): SshHost {
  const host = project.hosts.get(name) ?? { name }
  return describe(project, host, host.proxyJump)
}

/** `hops`: the way to it; undefined: none that the file says. */
function describe(project: Project, host: HostSpec, hops: readonly string[] | undefined): SshHost {
  const way = wayOf(project, host, hops)
  const keys = hostKeyWords(host)
  const options = [
    ...configWords(host),
    ...(host.port === undefined ? [] : ['-p', String(host.port)]),
    ...(host.identityFile ?? []).flatMap(identityWords),
    ...way.options,
    ...OPTIONS.flatMap((option) => option(host)),
    ...keys.options,
  ]
  const hostname = hostnameOf(host)
  const destination = host.user === undefined ? hostname : `${host.user}@${hostname}`
  return { options, destination, lacks: [...way.lacks, ...keys.lacks, ...lacksOf(host)] }
}

/** What ssh looks up in its configuration. */
function hostnameOf({ hostname, name }: HostSpec): string {
  return hostname ?? name
}

function configWords({ sshConfig = true }: HostSpec): string[] {
  if (sshConfig === true) return []
  return ['-F', sshConfig === false ? 'none' : sshConfig]
}

/** A file of -i that is not there is left out by ssh, which then tries its default keys: `none` would be one. */
function identityWords(file: string): string[] {
  if (file === 'none') return say('IdentityFile', file)
  return ['-i', file.replaceAll('%', '%%')]
}

type Option = (host: HostSpec) => string[]

const say = (keyword: string, value: string | number | undefined): string[] =>
  value === undefined ? [] : ['-o', `${keyword}=${value}`]

const yesOrNo = (value: boolean | undefined) => (value === undefined ? undefined : value ? 'yes' : 'no')

/** ssh counts in whole seconds. */
const seconds = (ms: number | undefined) => (ms === undefined ? undefined : Math.ceil(ms / 1000))

/** In the order of 01-config-language. */
const OPTIONS: readonly Option[] = [
  ({ identitiesOnly }) => say('IdentitiesOnly', yesOrNo(identitiesOnly)),
  ({ identityAgent }) => say('IdentityAgent', identityAgent && fileWord(identityAgent)),
  ({ certificateFile }) => (certificateFile ?? []).flatMap((file) => say('CertificateFile', fileWord(file))),
  ({ proxyCommand }) => say('ProxyCommand', proxyCommand),
  ({ strictHostKeyChecking, hostKeys }) =>
    keyLinesOf(hostKeys).length > 0 ? [] : say('StrictHostKeyChecking', strictHostKeyChecking),
  ({ userKnownHostsFile, hostKeys }) =>
    keyLinesOf(hostKeys).length > 0 ? [] : say('UserKnownHostsFile', fileWords(userKnownHostsFile)),
  ({ globalKnownHostsFile, hostKeys }) =>
    keyLinesOf(hostKeys).length > 0 ? [] : say('GlobalKnownHostsFile', fileWords(globalKnownHostsFile)),
  ({ hostKeyAlias }) => say('HostKeyAlias', hostKeyAlias),
  ({ connectTimeoutMs }) => say('ConnectTimeout', seconds(connectTimeoutMs)),
  ({ serverAliveIntervalMs }) => say('ServerAliveInterval', seconds(serverAliveIntervalMs)),
  ({ serverAliveCountMax }) => say('ServerAliveCountMax', serverAliveCountMax),
  ({ compression }) => (compression ? ['-C'] : say('Compression', yesOrNo(compression))),
  ({ ciphers }) => (ciphers === undefined ? [] : ['-c', ciphers]),
  ({ macs }) => (macs === undefined ? [] : ['-m', macs]),
  ({ kexAlgorithms }) => say('KexAlgorithms', kexAlgorithms),
  ({ hostKeyAlgorithms }) => say('HostKeyAlgorithms', hostKeyAlgorithms),
  ({ pubkeyAcceptedAlgorithms }) => say('PubkeyAcceptedAlgorithms', pubkeyAcceptedAlgorithms),
  ({ preferredAuthentications }) => say('PreferredAuthentications', preferredAuthentications),
  ({ bindAddress }) => (bindAddress === undefined ? [] : ['-b', bindAddress]),
  ({ bindInterface }) => (bindInterface === undefined ? [] : ['-B', bindInterface]),
  ({ addressFamily }) => {
    if (addressFamily === 'inet') return ['-4']
    return addressFamily === 'inet6' ? ['-6'] : say('AddressFamily', addressFamily)
  },
]

/** A word of ssh_config(5), in which % begins a token and a blank ends it. */
function fileWord(file: string): string {
  const text = file.replaceAll('%', '%%')
  return /[\s"'\\#]/.test(text) ? `"${text.replaceAll(/["\\]/g, '\\$&')}"` : text
}

function fileWords(files: readonly string[] | undefined): string | undefined {
  return files?.map(fileWord).join(' ')
}

function keyLinesOf(hostKeys: readonly string[] = []): string[] {
  return hostKeys
    .filter((key) => !key.startsWith('SHA256:'))
    .map((key) => key.split(' ').slice(0, 2).join(' '))
}

/** KnownHostsCommand (ssh 8.5 and newer) says what known_hosts would: these keys, and no file is asked. */
function hostKeyWords({ hostKeys = [] }: HostSpec): { options: string[]; lacks: string[] } {
  const lines = keyLinesOf(hostKeys)
  const hasFingerprints = lines.length < hostKeys.length
  const lacks = hasFingerprints
    ? ['no fingerprints of host_keys, ssh takes whole keys or asks known_hosts']
    : []
  if (lines.length === 0) return { options: [], lacks }
  const words = lines.map((line) => `"%H ${line}"`).join(' ')
  const options = [
    ...say('StrictHostKeyChecking', 'yes'),
    ...say('UserKnownHostsFile', '/dev/null'),
    ...say('GlobalKnownHostsFile', '/dev/null'),
    ...say('KnownHostsCommand', `/usr/bin/printf "%%s\\n" ${words}`),
  ]
  return { options, lacks }
}

function wayOf(
  project: Project,
  host: HostSpec,
  hops: readonly string[] | undefined,
): { options: string[]; lacks: string[] } {
  if (hops === undefined) return { options: [], lacks: [] }
  if (hops.length === 0) return { options: ['-J', 'none'], lacks: [] }
  const specs = hops.map((hop) => project.hosts.get(hop) ?? { name: hop })
  if (specs.every((spec, index) => isOnlyDestination(spec, host, index === 0))) {
    return { options: ['-J', specs.map(formatHop).join(',')], lacks: [] }
  }
  const last = specs.at(-1)!
  const before = hops.slice(0, -1)
  const jump = describe(
    project,
    before.length > 0 ? withoutWay(last) : last,
    before.length > 0 ? before : last.proxyJump,
  )
  const words = ['ssh', ...jump.options, jump.destination].map((word) => word.replaceAll('%', '%%'))
  const command = `${formatShellWords([...words.slice(0, -1), '-W', '[%h]:%p'])} ${formatShellWords(words.slice(-1))}`
  const lacks = jump.lacks.map((lack) => `on the way, ${lack}`)
  return { options: say('ProxyCommand', command), lacks }
}

/** The way there is that of the hops before it. */
function withoutWay({ proxyJump, proxyCommand, ...rest }: HostSpec): HostSpec {
  return rest
}

/** -J says a user, a host and a port, and what ssh_config says of them. */
function isOnlyDestination(hop: HostSpec, host: HostSpec, isFirst: boolean): boolean {
  const { name, at, implicit, hostname, user, port, sshConfig = true, proxyJump, proxyCommand, ...said } = hop
  const isOwnWay = isFirst && (proxyJump !== undefined || proxyCommand !== undefined)
  return !isOwnWay && Object.keys(said).length === 0 && sshConfig === (host.sshConfig ?? true)
}

function formatHop(hop: HostSpec): string {
  const hostname = hostnameOf(hop)
  const address =
    hop.port === undefined ? hostname.replace(/^(.*:.*)$/, '[$1]') : formatHostPort(hostname, hop.port)
  return hop.user === undefined ? address : `${hop.user}@${address}`
}

function lacksOf(host: HostSpec): string[] {
  const { passwordEnv, passphraseEnv, connect, reconnect, connectTimeoutMs, serverAliveIntervalMs } = host
  const { identityFile, certificateFile, userKnownHostsFile } = host
  const isBroken = [connectTimeoutMs, serverAliveIntervalMs].some((ms) => (ms ?? 0) % 1000 !== 0)
  const files = [identityFile, certificateFile, userKnownHostsFile].flatMap((paths) => paths ?? [])
  return [
    ...(files.some((path) => path.includes('${')) ? ['a path has what ssh takes for a variable'] : []),
    ...(passwordEnv ? ['no password_env, ssh asks for the password'] : []),
    ...(passphraseEnv ? ['no passphrase_env, ssh asks for the passphrase'] : []),
    ...(connect === 'on_demand' ? ['no connect on_demand, ssh connects at once'] : []),
    ...(reconnect ? ['no reconnect, ssh ends when the connection is lost'] : []),
    ...(isBroken ? ['parts of a second are rounded up'] : []),
  ]
}
