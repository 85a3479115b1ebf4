// What a host of the file may do that its reader has to agree to: what it runs, opens and sends, and whom it believes.

import type { HostSpec } from '../model/project.ts'
import type { TrustKind, TrustPart } from '../model/trust.ts'
import { find, openSection } from './reading.ts'
import { pointer } from './tree.ts'
import { type Finding, placeOf, SENT, variablePart } from './trust-finding.ts'
import { endpointOf, withServer } from './trust-server.ts'

/** `under`: where its keys stand, for people. */
export function partsOfHost(finding: Finding, host: HostSpec, under: string): TrustPart[] {
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
