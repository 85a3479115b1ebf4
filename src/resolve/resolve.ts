// Project → Wanted: the impure part of deciding. Chooses what is selected, resolves its hosts, turns listen
// addresses into the sockets that this machine has, and fetches the secrets that variables hold.

import { networkInterfaces } from 'node:os'
import type { ListenSpec, SocketAddress } from '../model/address.ts'
import type { Problem } from '../model/problem.ts'
import type { ForwardSpec, Healthcheck, Project } from '../model/project.ts'
import type { Check, Wanted, WantedForward, WantedHealthcheck } from '../model/wanted.ts'
import { type AutoPorts, chooseAutoPorts } from './auto-ports.ts'
import { checkEnvironment } from './command-environment.ts'
import type { KnownHost } from './gather-hosts.ts'
import { resolveHosts, type Surroundings } from './hosts.ts'

export interface Resolved {
  wanted: Wanted
  /** What the file and the ssh configuration say of each host. */
  hosts: ReadonlyMap<string, KnownHost>
  warnings: Problem[]
}

export interface AutoPortOptions {
  autoPortsFile: string
  /** By name, the ports that forwards have already; `all`: nobody here can tell who has which, and none is tried. */
  keptPorts: ReadonlyMap<string, ReadonlySet<number>> | 'all'
  /** See {@link portsWanted}. */
  portsWanted: { written: ReadonlySet<string>; auto: ReadonlySet<string> }
}

/**
 * `autoPortsFile`: where this project's chosen ports are remembered. Rejects with a ProblemError that holds everything
 * that is wrong, or with the signal's reason.
 */
export async function resolve(
  project: Project,
  selected: ReadonlySet<string>,
  surroundings: Surroundings & AutoPortOptions,
): Promise<Resolved> {
  const specs = [...project.forwards.values()].filter((spec) => selected.has(spec.name))
  const destinations = specs.map((spec) => spec.via)
  const { hosts, known, warnings } = await resolveHosts(project, destinations, surroundings)
  const hasIpv6 = hasLoopbackIpv6()
  const { autoPortsFile, keptPorts } = surroundings
  const { ports, moved } = await chooseAutoPorts(
    autoPortsFile,
    specs
      .filter((spec) => needsPort(spec, surroundings))
      .map((spec) => ({
        name: spec.name,
        hosts: hostsOf(socketsOf(spec.listen, 0, hasIpv6)),
        kept: keptPorts === 'all' ? keptPorts : (keptPorts.get(spec.name) ?? new Set()),
      })),
  )
  const forwards = specs.map((spec) =>
    toWanted(spec, ports, hasIpv6, { ...surroundings, folder: project.folder }),
  )
  const wanted = {
    hosts,
    forwards: new Map(forwards.map((forward) => [forward.name, forward])),
    deselected: new Set([...project.forwards.keys()].filter((name) => !selected.has(name))),
  }
  return { wanted, hosts: known, warnings: [...warnings, ...moved.map(sayMoved)] }
}

function hostsOf(sockets: readonly SocketAddress[]): string[] {
  return sockets.flatMap((socket) => (socket.kind === 'tcp' ? [socket.host] : []))
}

function sayMoved({ name, from, to }: AutoPorts['moved'][number]): Problem {
  return {
    code: 'PORT_IN_USE',
    severity: 'warning',
    summary: `${name} listens on port ${to} from now on: somebody else has ${from}, which it had before`,
    hint: `\`tunnels ls ${from}\` says who`,
  }
}

function toWanted(
  spec: ForwardSpec,
  ports: AutoPorts['ports'],
  hasIpv6: boolean,
  surroundings: Surroundings & AutoPortOptions & { folder: string },
): WantedForward {
  const { environment, caller, folder } = surroundings
  const base = {
    name: spec.name,
    via: spec.via,
    to: spec.to,
    allowFrom: spec.allowFrom ?? null,
    allowTo: spec.allowTo ?? null,
    auth: spec.auth
      ? { username: spec.auth.username, password: environment[spec.auth.passwordEnv] ?? '' }
      : null,
    hostHeader: spec.hostHeader ?? null,
    socket: { ...spec.socket, project: folder },
    drainMs: spec.drainMs,
    idleTimeoutMs: spec.idleTimeoutMs,
    maxConnections: spec.maxConnections,
    healthcheck: spec.healthcheck ? healthcheckOf(spec.healthcheck, { caller, folder }) : null,
    description: spec.description ?? null,
    envPrefix: spec.envPrefix ?? null,
    env: spec.env,
  }
  if (spec.kind === 'remote')
    return { ...base, kind: 'remote', listen: spec.listen, gateway: spec.gateway ?? null }
  return { ...base, kind: spec.kind, listen: listenersOf(spec, ports.get(spec.name), hasIpv6, surroundings) }
}

function healthcheckOf(
  spec: Healthcheck,
  { caller, folder }: { caller: Surroundings['caller']; folder: string },
): WantedHealthcheck {
  const { intervalMs, timeoutMs, retries, startPeriodMs } = spec
  return { check: checkOf(), intervalMs, timeoutMs, retries, startPeriodMs }

  function checkOf(): Check {
    switch (spec.type) {
      case 'connect':
        return { type: 'connect' }
      case 'http':
        return { type: 'http', path: spec.path, expectStatus: spec.expectStatus }
      case 'command':
        return { type: 'command', command: spec.command, environment: checkEnvironment(caller), folder }
    }
  }
}

function needsPort({ name, kind, listen }: ForwardSpec, { portsWanted }: AutoPortOptions): boolean {
  return kind !== 'remote' && listen.kind === 'tcp' && (listen.port === 'auto' || portsWanted.auto.has(name))
}

/** On the port that the file says, on a chosen one, or on both: for whoever asked for which. */
function listenersOf(
  { name, listen }: ForwardSpec,
  autoPort: number | undefined,
  hasIpv6: boolean,
  { portsWanted: { written, auto } }: AutoPortOptions,
): SocketAddress[] {
  if (listen.kind === 'unix' || listen.port === 'auto' || !auto.has(name))
    return socketsOf(listen, autoPort, hasIpv6)
  const chosen = socketsOf({ ...listen, port: 'auto' }, autoPort, hasIpv6)
  return written.has(name) ? [...socketsOf(listen, undefined, hasIpv6), ...chosen] : chosen
}

/** The sockets of this machine that an address stands for; `auto` is one, so that it has one port. */
export function localSockets(listen: ListenSpec): SocketAddress[] {
  const sockets = socketsOf(listen, undefined, hasLoopbackIpv6())
  return listen.kind === 'tcp' && listen.port === 'auto' ? sockets.slice(0, 1) : sockets
}

/** Loopback is both families where the machine has them, as ssh(1) does for `localhost`. */
function socketsOf(listen: ListenSpec, autoPort: number | undefined, hasIpv6: boolean): SocketAddress[] {
  if (listen.kind === 'unix') return [listen]
  const port = listen.port === 'auto' ? (autoPort ?? 0) : listen.port
  const socket = (host: string): SocketAddress => ({ kind: 'tcp', host, port })
  if (listen.bind === 'loopback')
    return hasIpv6 ? [socket('127.0.0.1'), socket('::1')] : [socket('127.0.0.1')]
  if (listen.bind === 'any') return [socket(hasIpv6 ? '::' : '0.0.0.0')]
  return [socket(listen.bind.address)]
}

function hasLoopbackIpv6(): boolean {
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some(({ address }) => address === '::1'),
  )
}
