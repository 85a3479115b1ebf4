// Asks a person about a host key that nobody knows, in ssh's words: outside the handshake, because a verdict inside it
// has to be given at once. What is done with the answer is connect.ts's.

import type { Ask, Question } from '../model/prompt.ts'
import type { WantedHost } from '../model/wanted.ts'
import type { Stranger } from './host-key.ts'
import { describeHost, fingerprint } from './host-key-problem.ts'
import { randomart, shortType } from './randomart.ts'

/** Who types something else ten times means no. */
const MOST_TRIES = 10

/** Known by as many other names as fit on a screen, as with ssh. */
const MOST_NAMES = 8

/**
 * `accepted`: the person says yes, or types the fingerprint; `unanswered`: nobody is there, or wants to say it. Rejects
 * with the signal's reason.
 */
export async function askAboutHostKey(
  host: WantedHost,
  stranger: Stranger,
  ask: Ask,
  signal: AbortSignal,
): Promise<'accepted' | 'declined' | 'unanswered'> {
  const right = fingerprint(stranger.key)
  let question = questionAbout(host, stranger)
  for (let tries = 0; tries < MOST_TRIES; tries++) {
    const answers = await ask(question, signal)
    if (!answers) return 'unanswered'
    const typed = answers[0]?.trim()
    if (!typed || /^no?$/i.test(typed)) return 'declined'
    if (/^yes$/i.test(typed) || typed === right) return 'accepted'
    const { kind, summary } = question
    question = {
      kind,
      summary,
      fields: [{ text: "Please type 'yes', 'no' or the fingerprint:", echo: true }],
    }
  }
  return 'declined'
}

function questionAbout(host: WantedHost, { key, authority, elsewhere }: Stranger): Question {
  const lines = [
    `${shortType(key)} key fingerprint is ${fingerprint(key)}.`,
    randomart(key),
    ...namesOf(elsewhere),
    ...(authority ? [AUTHORITY] : []),
  ]
  return {
    kind: 'host_key',
    summary: `The host key of ${describeHost(host)} is not known`,
    detail: lines.join('\n'),
    fields: [{ text: 'Are you sure you want to continue connecting (yes/no/[fingerprint])?', echo: true }],
  }
}

const AUTHORITY =
  'A @cert-authority line of known_hosts covers this host, but host certificates cannot be checked here.'

function namesOf(elsewhere: Stranger['elsewhere']): string[] {
  if (elsewhere.length === 0) return ['This key is not known by any other names.']
  const names = elsewhere.map(
    ({ file, line, hosts }) => `    ${file}:${line}: ${hosts.startsWith('|') ? '[hashed name]' : hosts}`,
  )
  const more = names.length - MOST_NAMES
  return [
    'This host key is known by the following other names:',
    ...names.slice(0, MOST_NAMES),
    ...(more > 0 ? [`    (${more} more)`] : []),
  ]
}
