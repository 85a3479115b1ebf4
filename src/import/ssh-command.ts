// An ssh command line as somebody has typed it, taken apart into what a tunnels.yaml can say: the destination, options of
// the host, forwards. What has no counterpart there is named, never lost in silence.

import { basename } from 'node:path'
import { type Destination, readDestination } from '../config/destination.ts'
import { splitWords } from '../config/short-words.ts'
import { readSshArguments } from '../config/ssh-arguments.ts'
import { type HostWords, leaveOut, openHostWords, sayOfHost, takeHost } from './host-words.ts'
import { type Imported, type ImportedForward, readForward, refusedImport } from './imported.ts'
import { takeNamedOption } from './named-option.ts'

/** What was read so far. */
export interface Taken {
  forwards: Pick<ImportedForward, 'letter' | 'argument'>[]
  /** -g, GatewayPorts: a bare port listens on all interfaces of this machine. */
  gatewayPorts: boolean
  /** `socket` of the forwards that listen on a Unix socket here. */
  socket: { replace?: boolean; mode?: string }
  host: HostWords
}

/** `words`: one that holds the whole command line, or each word of it. Throws a ProblemError (USAGE). */
export function readSshCommand(words: readonly string[]): Imported {
  const taken: Taken = { forwards: [], gatewayPorts: false, socket: {}, host: openHostWords() }
  const split = words.length === 1 ? splitCommand(words[0]!, taken.host) : [...words]
  const { rest, alsoWithArgument } = withoutProgram(split)
  let hostname: string | undefined
  for (const argument of readSshArguments(
    rest.map((text) => ({ text, offset: 0 })),
    alsoWithArgument,
  )) {
    if (argument.kind === 'lacking') throw refusedImport(`-${argument.letter} has no argument`)
    else if (argument.kind === 'flag') takeFlag(taken, argument.letter)
    else if (argument.kind === 'option') takeOption(taken, argument.letter, argument.argument.text)
    else if (hostname === undefined) hostname = takeDestination(taken.host, argument.word.text)
    else {
      // From here on every word is the command's: ssh(1), "command".
      leaveOut(taken.host, `The command that begins with ${argument.word.text}`)
      break
    }
  }
  if (hostname === undefined) throw refusedImport('It has no destination', EXAMPLE)
  return finish(taken, hostname)
}

const EXAMPLE = "For example: tunnels import 'ssh -L 8080:localhost:80 acme'"

/** As a shell would, but that nothing is filled in: a line that ends with a backslash goes on, a last & means nothing. */
function splitCommand(text: string, host: HostWords): string[] {
  const line = text
    .replaceAll(/\\\r?\n/g, ' ')
    .trim()
    .replace(/\s*&$/, '')
  const words = splitWords(line, (same) => same)
  if (!words.ok) throw refusedImport(`The command line ${words.complaint}`, words.hint)
  const [variable] = /\$(?:[A-Za-z_]\w*|[{(][^})]*[})])/.exec(line) ?? []
  if (variable) host.warnings.push(`${variable} was not filled in by a shell and is taken as it stands`)
  return words.value.map((word) => word.text)
}

const PROGRAMS: Readonly<Record<string, string | undefined>> = { ssh: undefined, autossh: 'M' }

/** Without `VAR=value`, `nohup` and the like before it; a command line that begins with an option goes without `ssh`. */
function withoutProgram(words: string[]): { rest: string[]; alsoWithArgument?: string } {
  const at = words.findIndex((word) => !/^[A-Za-z_]\w*=/.test(word) && !BEFORE.has(basename(word)))
  const first = words[at]
  if (first === undefined) throw refusedImport('There is no ssh command line', EXAMPLE)
  if (first.startsWith('-')) return { rest: words.slice(at) }
  const program = basename(first)
  if (!Object.hasOwn(PROGRAMS, program)) throw refusedImport(`${program} is not ssh`, EXAMPLE)
  const more = PROGRAMS[program]
  return { rest: words.slice(at + 1), ...(more && { alsoWithArgument: more }) }
}

const BEFORE = new Set(['nohup', 'exec', 'command', 'setsid'])

/** Never a shell, a terminal or a screen here: these are as without them. */
const MEANINGLESS = 'NTnfqvtyakx'

function takeFlag(taken: Taken, letter: string): void {
  const { host } = taken
  if (letter === 'g') taken.gatewayPorts = true
  else if (letter === 'C') sayOfHost(host, 'compression', 'yes', '-C')
  else if (letter === '4') sayOfHost(host, 'address_family', 'inet', '-4')
  else if (letter === '6') sayOfHost(host, 'address_family', 'inet6', '-6')
  else if (!MEANINGLESS.includes(letter)) leaveOut(host, `-${letter}`)
}

const KEYS: Readonly<Record<string, string>> = {
  b: 'bind_address',
  B: 'bind_interface',
  c: 'ciphers',
  F: 'ssh_config',
  i: 'identity_file',
  J: 'proxy_jump',
  l: 'user',
  m: 'macs',
  p: 'port',
}

function takeOption(taken: Taken, letter: string, argument: string): void {
  const key = KEYS[letter]
  if (letter === 'L' || letter === 'R' || letter === 'D') taken.forwards.push({ letter, argument })
  else if (letter === 'o') takeNamedOption(taken, argument)
  else if (letter === 'F' && argument === 'none') sayOfHost(taken.host, 'ssh_config', 'false', '-F none')
  else if (key) sayOfHost(taken.host, key, argument, `-${letter} ${argument}`)
  // What autossh watches with -M, tunnels does by itself; without a shared connection it is anyway.
  else if (letter !== 'M' && !(letter === 'S' && argument === 'none'))
    leaveOut(taken.host, `-${letter} ${argument}`)
}

/** The name or address; its user and its port count only where no option before it has said another. */
function takeDestination(host: HostWords, text: string): string {
  const said = readDestination(text)
  if (!said.ok) throw refusedImport(`The destination ${text} ${said.complaint}`, said.hint)
  const { hostname, user, port } = said.value
  if (user !== undefined) sayOfHost(host, 'user', user, `The user of ${text}`)
  if (port !== undefined) sayOfHost(host, 'port', String(port), `The port of ${text}`)
  return hostname
}

function finish(taken: Taken, hostname: string): Imported {
  if (taken.forwards.length === 0) throw refusedImport('It has none of -L, -R and -D', EXAMPLE)
  const { user, port, ...host } = takeHost(taken.host)
  const destination: Destination = {
    hostname,
    ...(user !== undefined && { user: String(user) }),
    ...(port !== undefined && { port: Number(port) }),
  }
  const forwards = taken.forwards.map(({ letter, argument }) => {
    const forward = readForward(letter, argument, taken.gatewayPorts)
    const isSocketHere =
      letter === 'L' && forward.listen.includes('/') && Object.keys(taken.socket).length > 0
    return isSocketHere ? { ...forward, more: { socket: taken.socket } } : forward
  })
  return { destination, host, forwards, warnings: taken.host.warnings }
}
