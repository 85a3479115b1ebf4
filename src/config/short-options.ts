// The options of ssh(1) in a short form. Those that say something about the host become its long-form keys.

import { schemaKeys } from './generated/validate-schema.js'
import { type Parsed, parsed, refused } from './parsed.ts'
import type { ForwardLetter } from './short-forwarding.ts'
import type { Word } from './short-words.ts'
import { readSshArguments, type SshArgument } from './ssh-arguments.ts'

export interface ShortOptions {
  forwards: { letter: ForwardLetter; argument: Word }[]
  /** -g: a bare port listens on all interfaces. */
  gatewayPorts: boolean
  /** Long-form keys of the destination, in the order given. */
  host: { key: string; value: string; offset: number }[]
  destination?: Word
}

const MEANINGLESS = 'NTnfq'
const FLAGS: Record<string, { key: string; value: string }> = {
  C: { key: 'compression', value: 'yes' },
  4: { key: 'address_family', value: 'inet' },
  6: { key: 'address_family', value: 'inet6' },
}
const ARGUMENTS: Record<string, string> = {
  p: 'port',
  i: 'identity_file',
  J: 'proxy_jump',
  l: 'user',
  F: 'ssh_config',
}
/** The long form of what is not understood here, for the hint. */
const LONG_FORMS: Record<string, string> = {
  B: 'bind_interface',
  b: 'bind_address',
  c: 'ciphers',
  m: 'macs',
}

export function parseShortOptions(words: Word[]): Parsed<ShortOptions> {
  const options: ShortOptions = { forwards: [], gatewayPorts: false, host: [] }
  for (const argument of readSshArguments(words)) {
    const problem = take(options, argument)
    if (problem) return problem
  }
  return parsed(options)
}

function take(options: ShortOptions, argument: SshArgument): Parsed<never> | null {
  switch (argument.kind) {
    case 'flag':
      return takeFlag(options, argument.letter, argument.offset)
    case 'option':
      return takeArgument(options, argument.letter, argument.argument)
    case 'lacking':
      return refused(`has -${argument.letter} without its argument`)
    case 'word':
      if (options.destination) return refusedCommand(options.destination, argument.word)
      options.destination = argument.word
      return null
  }
}

function refusedCommand(destination: Word, word: Word): Parsed<never> {
  return destination.text === 'ssh'
    ? refused('is what would follow ssh, without ssh itself', 'Leave out the word ssh')
    : refused(`has ${word.text} after the destination ${destination.text}: no command is run there`)
}

function takeFlag(options: ShortOptions, letter: string, offset: number): Parsed<never> | null {
  const flag = FLAGS[letter]
  if (flag) options.host.push({ ...flag, offset })
  else if (letter === 'g') options.gatewayPorts = true
  else if (!MEANINGLESS.includes(letter)) return refusedOption(letter)
  return null
}

function takeArgument(options: ShortOptions, letter: string, argument: Word): Parsed<never> | null {
  if (letter === 'L' || letter === 'R' || letter === 'D') {
    options.forwards.push({ letter, argument })
    return null
  }
  if (letter === 'o') return takeNamedOption(options, argument)
  const key = ARGUMENTS[letter]
  if (!key) return refusedOption(letter)
  const value = letter === 'F' && argument.text === 'none' ? 'false' : argument.text
  options.host.push({ key, value, offset: argument.offset })
  return null
}

function refusedOption(letter: string): Parsed<never> {
  const key = LONG_FORMS[letter]
  const complaint = `has -${letter}, which a short form does not take`
  return key
    ? refused(complaint, `Write ${key}: under the host`)
    : refused(complaint, 'Write the long form: via, local, remote or dynamic, and to')
}

/** `-o Key=value` or `-o "Key value"`: ssh_config(5) keywords, without regard to case. */
function takeNamedOption(options: ShortOptions, argument: Word): Parsed<never> | null {
  const [, keyword = '', quoted, plain = ''] =
    /^\s*([A-Za-z0-9]+)(?:\s*=\s*|\s+)(?:"(.*)"|(.*?))\s*$/s.exec(argument.text) ?? []
  const key = hostKeyOfKeyword(keyword)
  if (!keyword) return refused(`has -o ${argument.text}, which is not Keyword=value`)
  if (!key) return refusedKeyword(keyword)
  options.host.push({ key, value: quoted ?? plain, offset: argument.offset })
  return null
}

function refusedKeyword(keyword: string): Parsed<never> {
  const complaint = `has -o ${keyword}, which is not an option of a host in this file`
  const forward = /^(Local|Remote|Dynamic)Forward$/i.exec(keyword)?.[1]?.toLowerCase()
  if (forward) return refused(complaint, `Write a forward with ${forward}: and to:`)
  if (/^GatewayPorts$/i.test(keyword)) return refused(complaint, 'Say where it listens: "*:PORT"')
  return refused(complaint, 'See the keys of a host in tunnels.yaml, or leave it in your ssh configuration')
}

/** Keys that are ours alone have no keyword. */
const OURS = [
  'ssh_config',
  'host_keys',
  'password_env',
  'passphrase_env',
  'connect',
  'disconnect_after',
  'reconnect',
]

/** The key of a host that is this keyword of ssh_config(5), in whatever letters. */
export function hostKeyOfKeyword(keyword: string): string | undefined {
  const wanted = keyword.toLowerCase()
  const keys = (schemaKeys.host ?? []).filter((key) => !OURS.includes(key))
  return keys.find((key) => key.replaceAll('_', '') === wanted)
}
