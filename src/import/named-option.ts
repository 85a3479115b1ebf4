// `-o Keyword=value` of an ssh command line: ssh_config(5) keywords in whatever letters. Those of a host become its keys,
// forwards are forwards, and the rest either means nothing here or is left out and said so.

import { hostKeyOfKeyword } from '../config/short-options.ts'
import { splitLine, splitWords } from '../resolve/ssh-config-line.ts'
import { leaveOut, sayOfHost } from './host-words.ts'
import { refusedImport } from './imported.ts'
import type { Taken } from './ssh-command.ts'

const FORWARDS = { localforward: 'L', remoteforward: 'R', dynamicforward: 'D' } as const

/** Those that may be several in one value. */
const FILES = new Set(['user_known_hosts_file', 'global_known_hosts_file'])

/** Spellings of before. */
const ALSO: Readonly<Record<string, string>> = {
  pubkeyacceptedkeytypes: 'pubkey_accepted_algorithms',
  userknownhostsfile2: 'user_known_hosts_file',
}

/**
 * By keyword, the values with which it is as without it: there is never a shell, a terminal or a shared connection here,
 * and a forward that cannot listen is a problem in any case.
 */
const MEANINGLESS: Readonly<Record<string, RegExp>> = {
  exitonforwardfailure: /^/,
  forkafterauthentication: /^/,
  stdinnull: /^/,
  sessiontype: /^none$/i,
  requesttty: /^/,
  loglevel: /^/,
  escapechar: /^/,
  tcpkeepalive: /^yes$/i,
  controlmaster: /^no$/i,
  controlpath: /^none$/i,
  controlpersist: /^no$/i,
  clearallforwardings: /^no$/i,
  forwardagent: /^no$/i,
  forwardx11: /^no$/i,
}

export function takeNamedOption(taken: Taken, text: string): void {
  const { keyword, rest } = splitLine(text)
  if (keyword === '' || rest === '') throw refusedImport(`-o ${text} is not Keyword=value`)
  const word = keyword.toLowerCase()
  const key = ALSO[word] ?? hostKeyOfKeyword(keyword)
  // ssh takes the whole rest for these, and words, perhaps in quotes, for all others.
  const words = key === 'proxy_command' ? [rest] : splitWords(rest)
  const value = words.join(' ')
  if (Object.hasOwn(FORWARDS, word)) {
    const letter = FORWARDS[word as keyof typeof FORWARDS]
    taken.forwards.push({ letter, argument: words.join(':') })
  } else if (word === 'gatewayports') takeGatewayPorts(taken, value)
  else if (word === 'streamlocalbindunlink') taken.socket.replace = /^(yes|true)$/i.test(value)
  else if (word === 'streamlocalbindmask') taken.socket.mode = modeOf(value)
  else if (key) sayOfHost(taken.host, key, FILES.has(key) ? words : value, `-o ${text}`)
  else if (!(Object.hasOwn(MEANINGLESS, word) && MEANINGLESS[word]!.test(value)))
    leaveOut(taken.host, `-o ${text}`)
}

function takeGatewayPorts(taken: Taken, value: string): void {
  if (/^(yes|true|clientspecified)$/i.test(value)) taken.gatewayPorts = true
}

/** StreamLocalBindMask of ssh_config(5) takes permissions away. */
function modeOf(mask: string): string {
  if (!/^0?[0-7]{1,3}$/.test(mask)) throw refusedImport(`-o StreamLocalBindMask=${mask} is not octal digits`)
  return `0${(0o666 & ~Number.parseInt(mask, 8)).toString(8).padStart(3, '0')}`
}
