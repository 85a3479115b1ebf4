// Every value that is in effect, with where it comes from: the files, the ssh configuration, or nobody but us. For hosts
// it is what was resolved, for forwards what the file says with its defaults; secrets are in neither.

import { formatForward, formatHost } from '../config/config-output.ts'
import { hostOptions } from '../config/host.ts'
import { originInFile, type Written } from '../config/origins.ts'
import { isMap, type Plain, type PlainMap } from '../config/tree.ts'
import type { Explained, ExplainedValues, Origin } from '../model/explained.ts'
import type { ForwardSpec, HostSpec, Project } from '../model/project.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { KnownHost } from './gather-hosts.ts'

interface Explaining {
  project: Project
  written: Written
  /** As resolved, by name. */
  known: ReadonlyMap<string, KnownHost>
  wanted: ReadonlyMap<string, WantedHost>
}

/** `selected`: the forwards that are meant. */
export function explain(explaining: Explaining, selected: ReadonlySet<string>): Explained {
  const { project, known, written } = explaining
  const forwards = [...project.forwards.values()].filter(({ name }) => selected.has(name))
  return {
    project: project.name,
    files: project.files,
    hosts: Object.fromEntries([...known].map(([name, host]) => [name, explainHost(explaining, host)])),
    forwards: Object.fromEntries(forwards.map((forward) => [forward.name, explainForward(forward, written)])),
  }
}

function explainHost({ project, written, wanted }: Explaining, known: KnownHost): ExplainedValues {
  const { own, settings } = known
  const isOfSsh = !project.hosts.has(own.name)
  const ssh: Origin = { from: 'ssh_config', files: settings.files }
  const originOf = (field: keyof HostSpec | undefined, keys: string[]): Origin => {
    if (field === 'hostname' && settings.set.hostname !== undefined) return ssh
    if (field === undefined || own[field] === undefined) {
      return field !== undefined && settings.set[field] !== undefined ? ssh : { from: 'default' }
    }
    const inFile = originInFile(written, 'hosts', own.name, keys)
    return inFile && !(isOfSsh && isNamed(field)) ? inFile : { from: 'destination' }
  }
  const values = formatHost(effective(connectionTo(wanted, own.name), known))
  return explainMap(values, (keys) => originOf(fields.get(keys[0]!), keys))
}

/** What a destination may say itself. */
function isNamed(field: keyof HostSpec): boolean {
  return field === 'hostname' || field === 'user' || field === 'port'
}

const fields: ReadonlyMap<string, keyof HostSpec> = new Map([
  ...Object.entries(hostOptions).map(([field, { key }]) => [key, field as keyof HostSpec] as const),
  ['reconnect', 'reconnect'],
])

/** A host that is only reached behind another one is what it is on that way. */
function connectionTo(wanted: ReadonlyMap<string, WantedHost>, name: string): WantedHost {
  return wanted.get(name) ?? [...wanted].find(([other]) => other.startsWith(`${name} via `))![1]
}

function effective(host: WantedHost, { spec }: KnownHost): HostSpec {
  return {
    sshConfig: true,
    ...spec,
    hostname: host.hostname,
    port: host.port,
    user: host.user,
    identityFile: host.identityFiles,
    identitiesOnly: host.identitiesOnly,
    identityAgent: host.agent ?? 'none',
    ...(host.certificateFiles.length > 0 && { certificateFile: host.certificateFiles }),
    strictHostKeyChecking: host.strictHostKeyChecking,
    userKnownHostsFile: host.userKnownHostsFiles,
    globalKnownHostsFile: host.globalKnownHostsFiles,
    connectTimeoutMs: host.connectTimeoutMs,
    serverAliveIntervalMs: host.serverAliveIntervalMs,
    serverAliveCountMax: host.serverAliveCountMax,
    compression: host.compression,
    addressFamily: host.addressFamily,
    reconnect: host.reconnect,
    connect: host.connect,
    ...(host.connect === 'on_demand' && { disconnectAfterMs: host.disconnectAfterMs }),
  }
}

function explainForward(forward: ForwardSpec, written: Written): ExplainedValues {
  return explainMap(formatForward(forward), (keys) => {
    return originInFile(written, 'forwards', forward.name, keys) ?? { from: 'default' }
  })
}

function explainMap(map: PlainMap, originOf: (keys: string[]) => Origin): ExplainedValues {
  const entries = Object.entries(map).flatMap(([key, value]): [string[], Plain][] => {
    if (!isMap(value)) return [[[key], value]]
    return Object.entries(value).map(([inner, each]) => [[key, inner], each])
  })
  return Object.fromEntries(
    entries.map(([keys, value]) => [keys.join('.'), { value, origin: originOf(keys) }]),
  )
}
