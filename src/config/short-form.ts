// A forward written as the words that would follow `ssh`, taken apart: each part of the long form with its place in
// the text. Pure; where the parts go in a file is expand-short-forms.ts's.

import { maskVariables } from './destination.ts'
import { type Parsed, parsed, type Refused, refused } from './parsed.ts'
import { parseForwarding } from './short-forwarding.ts'
import { parseShortOptions, type ShortOptions } from './short-options.ts'
import { splitWords, type Word } from './short-words.ts'
import type { Plain } from './tree.ts'

const KINDS = { L: 'local', R: 'remote', D: 'dynamic' } as const

/** A part of the text, in UTF-16 units from its start. */
export interface Piece {
  value: Plain
  offset: number
  length: number
}

export interface LongForm {
  /** By the forward's key. */
  pieces: Record<string, Piece>
  /** What is said of the host, in order. */
  host: { key: string; value: string; offset: number }[]
  warnings: string[]
}

export function parseShortForm(text: string): Parsed<LongForm> {
  const words = splitWords(text)
  if (!words.ok) return words
  const options = parseShortOptions(words.value)
  if (!options.ok) return options
  const [forward, ...more] = options.value.forwards
  if (!forward) return refusedEmpty(words.value)
  if (more.length > 0) return refused('has more than one of -L, -R and -D', 'Write one entry for each')
  const forwarding = parseForwarding(forward.letter, forward.argument)
  if (!forwarding.ok) return forwarding

  const { listen, to } = forwarding.value
  const isOpen = options.value.gatewayPorts && forward.letter !== 'R'
  const listenText = isOpen && !/[:/]/.test(maskVariables(listen.text)) ? `*:${listen.text}` : listen.text
  const pieces: Record<string, Piece> = {
    [KINDS[forward.letter]]: { value: listenText, offset: listen.offset, length: listen.text.length },
  }
  if (to) pieces.to = pieceOf(to)
  if (options.value.destination) pieces.via = pieceOf(options.value.destination)
  const long: LongForm = { pieces, host: options.value.host, warnings: warningsOf(options.value) }
  const contradiction = checkTwice(options.value)
  return contradiction ?? parsed(long)
}

function refusedEmpty(words: Word[]): Parsed<never> {
  const hint = 'For example "-L 8080:localhost:80 acme", or a map with via, local and to'
  const isBare = words.length === 1 && !words[0]!.text.startsWith('-')
  return refused(isBare ? 'must be a map, or begin with -L, -R or -D' : 'has none of -L, -R and -D', hint)
}

/** ssh takes the first or the last of two, depending on the option: nobody should have to know. */
function checkTwice({ host }: ShortOptions): Refused | null {
  const seen = new Map<string, string>()
  for (const { key, value } of host) {
    const first = seen.get(key)
    if (first !== undefined && first !== value && !LISTS.has(key)) {
      return refused(`says two things about ${key}: ${first} and ${value}`)
    }
    seen.set(key, value)
  }
  return null
}

const LISTS = new Set(['identity_file', 'certificate_file'])

function warningsOf(options: ShortOptions): string[] {
  if (!options.gatewayPorts || options.forwards[0]?.letter !== 'R') return []
  return ['has -g, which does nothing for -R: say where the host listens, as in -R "*:8080:…"']
}

function pieceOf(word: Word): Piece {
  return { value: word.text, offset: word.offset, length: word.text.length }
}
