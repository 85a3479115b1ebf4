// One host's options: each key of the file with the field it fills, how its text is read and how it is written.

import type { HostSpec, Reconnect } from '../model/project.ts'
import { formatDuration, parseDuration } from './duration.ts'
import { parseHostKey } from './host-keys.ts'
import { parseHostKeyAlias, parseHostname, parseUser } from './hostname.ts'
import { type Base, parseFile, parseFiles } from './local-path.ts'
import { type Parsed, parsed } from './parsed.ts'
import { parsePort } from './port.ts'
import { parseProxyCommand } from './proxy-command.ts'
import { parseProxyJump } from './proxy-jump.ts'
import { openSubsection, type Parse, read, type Section } from './reading.ts'
import {
  parseAlgorithms,
  parseBoolean,
  parseCount,
  parseList,
  parseSecretName,
  parseWord,
} from './scalars.ts'
import type { Plain } from './tree.ts'

/** What only the user's ssh configuration says has no key. */
type Unwritten = 'hashKnownHosts' | 'numberOfPasswordPrompts'
type Field = Exclude<keyof HostSpec, 'name' | 'at' | 'implicit' | 'reconnect' | Unwritten>

interface Option<T> {
  key: string
  parse: Parse<T>
  /** The file's own words for it, where they are not the value itself. */
  format?: (value: T) => Plain
}

/** In the order of 01-config-language, which is the order of `tunnels config`, too. */
export const hostOptions: { [F in Field]-?: Option<NonNullable<HostSpec[F]>> } = {
  hostname: { key: 'hostname', parse: parseHostname },
  port: { key: 'port', parse: parsePort },
  user: { key: 'user', parse: parseUser },
  identityFile: { key: 'identity_file', parse: parseFiles },
  identitiesOnly: { key: 'identities_only', parse: parseBoolean },
  identityAgent: { key: 'identity_agent', parse: parseAgent },
  certificateFile: { key: 'certificate_file', parse: parseFiles },
  proxyJump: {
    key: 'proxy_jump',
    parse: parseProxyJump,
    format: (hops) => (hops.length > 0 ? hops : 'none'),
  },
  proxyCommand: { key: 'proxy_command', parse: parseProxyCommand },
  strictHostKeyChecking: {
    key: 'strict_host_key_checking',
    parse: parseWord('ask', 'accept-new', 'yes', 'no'),
  },
  userKnownHostsFile: { key: 'user_known_hosts_file', parse: parseFiles },
  globalKnownHostsFile: { key: 'global_known_hosts_file', parse: parseFiles },
  hostKeyAlias: { key: 'host_key_alias', parse: parseHostKeyAlias },
  connectTimeoutMs: { key: 'connect_timeout', parse: parseDuration, format: formatDuration },
  serverAliveIntervalMs: { key: 'server_alive_interval', parse: parseDuration, format: formatDuration },
  serverAliveCountMax: { key: 'server_alive_count_max', parse: parseCount(0) },
  compression: { key: 'compression', parse: parseBoolean },
  ciphers: { key: 'ciphers', parse: parseAlgorithms },
  macs: { key: 'macs', parse: parseAlgorithms },
  kexAlgorithms: { key: 'kex_algorithms', parse: parseAlgorithms },
  hostKeyAlgorithms: { key: 'host_key_algorithms', parse: parseAlgorithms },
  pubkeyAcceptedAlgorithms: { key: 'pubkey_accepted_algorithms', parse: parseAlgorithms },
  preferredAuthentications: { key: 'preferred_authentications', parse: parseAlgorithms },
  bindAddress: { key: 'bind_address', parse: parseHostname },
  bindInterface: { key: 'bind_interface', parse: parseHostname },
  addressFamily: { key: 'address_family', parse: parseWord('any', 'inet', 'inet6') },
  sshConfig: { key: 'ssh_config', parse: parseSshConfig },
  hostKeys: { key: 'host_keys', parse: parseList(parseHostKey) },
  passwordEnv: { key: 'password_env', parse: parseSecretName },
  passphraseEnv: { key: 'passphrase_env', parse: parseSecretName },
  connect: { key: 'connect', parse: parseWord('always', 'on_demand') },
  disconnectAfterMs: { key: 'disconnect_after', parse: parseDuration, format: formatDuration },
}

/** What the section says, options that it leaves out being absent. `skip`: keys that do not apply here. */
export function readHost(section: Section, skip: (key: string) => boolean): Omit<HostSpec, 'name'> {
  const host: Record<string, unknown> = {}
  for (const [field, option] of Object.entries(hostOptions)) {
    const value = skip(option.key) ? undefined : read<unknown>(section, option.key, option.parse)
    if (value !== undefined) host[field] = value
  }
  const reconnect = readReconnect(openSubsection(section, 'reconnect'))
  return reconnect ? { ...host, reconnect } : host
}

function readReconnect(section: Section): Partial<Reconnect> | undefined {
  if (section.layers.length === 0) return undefined
  const initialMs = read(section, 'initial', parseDuration)
  const maxMs = read(section, 'max', parseDuration)
  const attempts = read(section, 'attempts', parseAttempts)
  return {
    ...(initialMs !== undefined && { initialMs }),
    ...(maxMs !== undefined && { maxMs }),
    ...(attempts !== undefined && { attempts }),
  }
}

function parseAttempts(value: Plain): Parsed<number> {
  return value === 'unlimited' ? parsed(Number.POSITIVE_INFINITY) : parseCount(1)(value)
}

/** IdentityAgent of ssh_config(5): `none`, `SSH_AUTH_SOCK`, `$NAME` (written `$$NAME` here), or a path. */
function parseAgent(value: Plain, base: Base): Parsed<string> {
  const text = String(value)
  return text === 'none' || text === 'SSH_AUTH_SOCK' || /^\$[A-Za-z_]\w*$/.test(text)
    ? parsed(text)
    : parseFile(text, base)
}

function parseSshConfig(value: Plain, base: Base): Parsed<boolean | string> {
  const word = parseBoolean(value)
  return word.ok ? word : parseFile(value, base)
}
