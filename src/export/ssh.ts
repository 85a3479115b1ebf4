// The same tunnels as command lines of ssh(1), one for each host, to be pasted into a shell. What ssh cannot do is said in a
// comment above its line. Comments are fixed words and names: zsh takes a pasted comment for a command.

import { formatHostPort, type ListenSpec, type Target } from '../model/address.ts'
import type { ForwardSpec, Project } from '../model/project.ts'
import type { Deployment } from './deployment.ts'
import { formatShellWords } from './shell-words.ts'
import { sshHost } from './ssh-host.ts'

/** One run of ssh: what it is given, and what it cannot do. */
export interface SshCommand {
  via: string
  /** Null where nothing of it can be said. */
  argv: string[] | null
  /** `name`: of a forward, or of the host. */
  lacks: { name: string; lack: string }[]
}

type Selected = Pick<Deployment, 'project' | 'selected'>

export function formatSsh(deployment: Selected): string {
  return sshCommands(deployment).map(formatCommand).join('\n')
}

/** One for each host, in the order of the file. */
export function sshCommands({ project, selected }: Selected): SshCommand[] {
  const chosen = [...project.forwards.values()].filter(({ name }) => selected.has(name))
  const vias = [...new Set(chosen.map(({ via }) => via))]
  return vias.map((via) => {
    const forwards = chosen.filter((forward) => forward.via === via)
    return commandOf(project, via, forwards)
  })
}

function commandOf(project: Project, via: string, forwards: readonly ForwardSpec[]): SshCommand {
  const host = sshHost(project, via)
  const given = forwards.flatMap((forward) => forwardWords(forward) ?? [])
  const lacks = [
    ...host.lacks.map((lack) => ({ name: via, lack })),
    ...forwards.flatMap((forward) => lacksOf(forward).map((lack) => ({ name: forward.name, lack }))),
  ]
  const argv = [
    ...['ssh', '-N', '-o', 'ExitOnForwardFailure=yes'],
    ...socketWords(forwards),
    ...host.options,
    ...given,
    host.destination,
  ]
  return { via, argv: given.length > 0 ? argv : null, lacks }
}

function formatCommand({ argv, lacks }: SshCommand): string {
  const comments = lacks.map(({ name, lack }) => `# ${name.replaceAll(/[^\w.:@-]/g, '_')}: ${lack}`)
  return [...comments, ...(argv ? [formatShellWords(argv)] : []), ''].join('\n')
}

/** Null for what ssh has no words for. */
function forwardWords({ kind, listen, to }: ForwardSpec): string[] | null {
  const address = formatListen(listen, kind === 'remote')
  if (address === null) return null
  const letter = { local: '-L', remote: '-R', dynamic: '-D' }[kind]
  return to.kind === 'socks' ? [letter, address] : [letter, `${address}:${formatTo(to)}`]
}

function formatListen(listen: ListenSpec, isRemote: boolean): string | null {
  if (listen.kind === 'unix') return formatPath(listen.path)
  const port = listen.port === 'auto' && isRemote ? 0 : listen.port
  if (port === 'auto') return null
  if (listen.bind === 'loopback') return String(port)
  return formatHostPort(listen.bind === 'any' ? '*' : listen.bind.address, port)
}

function formatTo(to: Exclude<Target, { kind: 'socks' }>): string {
  return to.kind === 'unix' ? formatPath(to.path) : formatHostPort(to.host, to.port)
}

/** A colon ends a field, and % begins a token (ssh_config(5), "TOKENS"). */
function formatPath(path: string): string {
  return path.replaceAll(/[\\:]/g, '\\$&').replaceAll('%', '%%')
}

const OWN_MODE = 0o600

/** Of a Unix socket here: one permission, and one answer to a file that is there, for all of a command. */
function socketWords(forwards: readonly ForwardSpec[]): string[] {
  const sockets = forwards.filter(({ kind, listen }) => kind !== 'remote' && listen.kind === 'unix')
  const mode = sockets[0]?.socket.mode ?? OWN_MODE
  const mask = `0${(0o777 & ~mode).toString(8).padStart(3, '0')}`
  const replaces = sockets.length > 0 && sockets.every(({ socket }) => socket.replace)
  return [
    ...(mode === OWN_MODE ? [] : ['-o', `StreamLocalBindMask=${mask}`]),
    ...(replaces ? ['-o', 'StreamLocalBindUnlink=yes'] : []),
  ]
}

function lacksOf(forward: ForwardSpec): string[] {
  const { kind, listen, allowFrom, allowTo, auth, idleTimeoutMs, maxConnections, healthcheck } = forward
  const isAuto = listen.kind === 'tcp' && listen.port === 'auto' && kind !== 'remote'
  return [
    ...(isAuto ? ['left out, ssh takes no free port by itself here'] : []),
    ...([listen, forward.to].some((end) => end.kind === 'unix' && end.path.includes('${'))
      ? ['a path has what ssh takes for a variable']
      : []),
    ...(allowFrom ? ['no allow_from, with ssh whoever reaches the listener may use it'] : []),
    ...(allowTo ? ['no allow_to, with ssh everything may be reached'] : []),
    ...(auth ? ['no auth, the SOCKS proxy of ssh asks for no password'] : []),
    ...(forward.hostHeader === undefined ? [] : ['no http host_header, ssh passes requests on as they are']),
    ...(forward.gateway ? ['no gateway, the listener is where GatewayPorts of the server puts it'] : []),
    ...(healthcheck ? ['no healthcheck'] : []),
    ...(idleTimeoutMs > 0 ? ['no idle_timeout'] : []),
    ...(maxConnections === 1024 ? [] : ['no max_connections']),
  ]
}
