// The forwards of the user's ssh configuration, as `ssh -G` tells them. All else that it says of a host stays there: the
// file names the host, and ssh is asked about it again each time.

import { readDestination } from '../config/destination.ts'
import { listenSockets, parseListen } from '../config/listen.ts'
import { type SocketAddress, socketsOverlap } from '../model/address.ts'
import { commandEnvironment } from '../resolve/command-environment.ts'
import { SshConfig, type SshQuery } from '../resolve/ssh-config.ts'
import { listSshHosts } from '../resolve/ssh-config-hosts.ts'
import { type Imported, readForward, refusedImport } from './imported.ts'

export interface SshConfigPlace {
  env: Readonly<Record<string, string | undefined>>
  home: string
}

/**
 * `names`: what one would type after ssh; empty: every name that is written there without a pattern. Those without a
 * forward are left out. Runs what `Match exec` of that configuration says. Rejects with a ProblemError.
 */
export async function importSshConfig(names: readonly string[], place: SshConfigPlace): Promise<Imported[]> {
  const listed = names.length > 0 ? [] : await listSshHosts(place.home)
  const [usable, odd] = [listed.filter(isUsable), listed.filter((name) => !isUsable(name))]
  const sshConfig = new SshConfig()
  const asked = names.length > 0 ? names : usable
  const all = await Promise.all(asked.map((name) => importHost(name, sshConfig, place)))
  const found = all.filter(({ forwards }) => forwards.length > 0)
  if (found.length === 0) throw nothingFound(names)
  const [first, ...rest] = apart(found)
  const warnings = odd.map(
    (name) => `The host ${name} has a name that no host of a file can have, and was left out`,
  )
  return [{ ...first!, warnings: [...warnings, ...first!.warnings] }, ...rest]
}

function isUsable(name: string): boolean {
  return readDestination(name).ok
}

async function importHost(
  name: string,
  sshConfig: SshConfig,
  { env, home }: SshConfigPlace,
): Promise<Imported> {
  const read = readDestination(name)
  if (!read.ok) throw refusedImport(`${name} ${read.complaint}`, read.hint)
  const { hostname, ...rest } = read.value
  const query: SshQuery = {
    name: hostname,
    ...rest,
    file: null,
    home,
    environment: commandEnvironment(env),
    variables: env,
  }
  const answer = await sshConfig.lookUp(query, new AbortController().signal)
  if (answer.kind === 'absent') throw refusedImport('There is no ssh to ask about its configuration')
  if (answer.kind === 'late')
    throw refusedImport(`ssh -G ${name} did not end within ${answer.afterMs / 1000} s`)
  if (answer.kind === 'refused') throw refusedImport(`ssh refuses ${answer.whose}: ${answer.said}`)
  const forwards = answer.settings.forwards.map((one) => readForward(one.letter, one.argument, one.isOpen))
  return { destination: read.value, host: {}, forwards, warnings: [] }
}

function nothingFound(names: readonly string[]) {
  return refusedImport(
    `Your ssh configuration has no LocalForward, RemoteForward or DynamicForward${names.length > 0 ? ` for ${names.join(', ')}` : ''}`,
    names.length > 0
      ? undefined
      : 'Name a host that a pattern stands for: tunnels import --from-ssh-config HOST',
  )
}

/** Hosts that nobody uses at once may listen on one port in the ssh configuration; here a profile tells them apart. */
function apart(all: Imported[]): Imported[] {
  const taken: { name: string; sockets: SocketAddress[] }[] = []
  return all.map((imported) => {
    const name = imported.destination.hostname
    const warnings: string[] = []
    const forwards = imported.forwards.map((forward) => {
      const sockets = forward.letter === 'R' ? [] : socketsOf(forward.listen)
      const other = taken.find((one) => one.sockets.some((a) => sockets.some((b) => socketsOverlap(a, b))))
      if (!other) taken.push({ name, sockets })
      if (!other || other.name === name) return forward
      warnings.push(
        `${forward.listen} is listened on for ${other.name}, too: for ${name} it has the profile ${name}`,
      )
      return { ...forward, more: { profiles: [name] } }
    })
    return { ...imported, forwards, warnings: [...imported.warnings, ...warnings] }
  })
}

function socketsOf(listen: string): SocketAddress[] {
  const spec = parseListen(listen, 'here', { folder: '/', home: '/' })
  return spec.ok ? listenSockets(spec.value) : []
}
