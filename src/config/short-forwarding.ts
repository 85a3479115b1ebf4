// The argument of -L, -R and -D taken apart as parse_forward() of OpenSSH's readconf.c does: fields between
// colons, IPv6 in brackets, a field with a slash is a Unix socket, a backslash keeps a colon. Gives the long
// form's texts; what they mean is for listen.ts and target.ts.

import { maskVariables } from './destination.ts'
import { type Parsed, parsed, refused } from './parsed.ts'
import type { Word } from './short-words.ts'

export type ForwardLetter = 'L' | 'R' | 'D'

/** The texts for `local`, `remote` or `dynamic` and for `to`, and where each begins. */
export interface Forwarding {
  listen: Word
  to?: Word
}

const FORMS = {
  L: '-L [bind:]port:host:port, or a Unix socket on either side',
  R: '-R [bind:]port:host:port, a Unix socket on either side, or -R [bind:]port alone for SOCKS',
  D: '-D [bind:]port',
}

export function parseForwarding(letter: ForwardLetter, word: Word): Parsed<Forwarding> {
  const fields = splitFields(word)
  const listenCount = fields && countListenFields(letter, fields)
  if (!fields || !listenCount) return refused(`must be written ${FORMS[letter]}`)
  const listen = joinFields(fields.slice(0, listenCount))
  const rest = fields.slice(listenCount)
  if (rest.length > 0) return parsed({ listen, to: joinFields(rest) })
  return parsed(letter === 'R' ? { listen, to: { ...listen, text: 'socks' } } : { listen })
}

/** How many of the fields say where it listens; 0 when OpenSSH has no such form. */
function countListenFields(letter: ForwardLetter, fields: Word[]): number {
  const isPath = fields.map((field) => field.text.includes('/'))
  const [first, second] = fields
  switch (fields.length) {
    case 1:
      return letter === 'L' ? 0 : 1
    case 2:
      if (letter === 'D') return isPath[0] || isPath[1] ? 0 : 2
      if (isPath[1]) return 1
      // What a variable stands for is not known yet: it can only be what the other field leaves open.
      if (isVariable(second!) && (letter === 'L' || /^\d+$/.test(first!.text))) return 1
      return letter === 'R' && !isPath[0] ? 2 : 0
    case 3:
      if (letter === 'D') return 0
      return isPath[2] && !isPath[0] ? 2 : 1
    case 4:
      return letter === 'D' || isPath.includes(true) ? 0 : 2
    default:
      return 0
  }
}

function isVariable(field: Word): boolean {
  return field.text.includes('$')
}

/** Null when brackets do not end a field. */
function splitFields(word: Word): Word[] | null {
  const masked = maskVariables(word.text)
  const fields: Word[] = []
  let start = 0
  while (start <= word.text.length) {
    const closing = masked[start] === '[' ? masked.indexOf(']', start) : start
    const end = closing < 0 ? -1 : endOfField(masked, closing)
    if (end < 0 || (closing > start && end !== closing + 1)) return null
    const text = word.text.slice(start, end).replaceAll(/\\(.)/g, '$1')
    fields.push({ text, offset: word.offset + start })
    start = end + 1
  }
  return fields
}

function endOfField(masked: string, from: number): number {
  for (let index = from; index < masked.length; index++) {
    if (masked[index] === '\\') index++
    else if (masked[index] === ':') return index
  }
  return masked.length
}

function joinFields(fields: Word[]): Word {
  return { text: fields.map((field) => field.text).join(':'), offset: fields[0]!.offset }
}
