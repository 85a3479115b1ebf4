// The words of an ssh command line as getopt(3) takes them apart for ssh(1): clusters such as -NfL 8080:h:80, arguments
// with and without a blank, options before and after the destination. What an option means is for others.

import type { Word } from './short-words.ts'

export type SshArgument =
  /** An option without an argument. */
  | { kind: 'flag'; letter: string; offset: number }
  | { kind: 'option'; letter: string; argument: Word }
  /** An option whose argument is not there. */
  | { kind: 'lacking'; letter: string }
  /** No option: the destination, or what stands behind it. */
  | { kind: 'word'; word: Word }

/** ssh.c: its getopt string. */
const WITH_ARGUMENT = 'BbcDEeFIiJLlmOoPpQRSWw'

/** In order. `also`: further letters that take an argument, where it is not ssh itself that is called. */
export function* readSshArguments(words: readonly Word[], also = ''): Generator<SshArgument> {
  const withArgument = WITH_ARGUMENT + also
  const rest = [...words]
  let onlyWords = false
  for (let word = rest.shift(); word; word = rest.shift()) {
    if (!onlyWords && word.text === '--') onlyWords = true
    else if (onlyWords || !/^-./.test(word.text)) yield { kind: 'word', word }
    else yield* readCluster(word, rest, withArgument)
  }
}

/** One word of letters; takes the next word where the last letter needs its argument. */
function* readCluster(word: Word, rest: Word[], withArgument: string): Generator<SshArgument> {
  for (let index = 1; index < word.text.length; index++) {
    const letter = word.text[index]!
    if (!withArgument.includes(letter)) {
      yield { kind: 'flag', letter, offset: word.offset }
      continue
    }
    const inside = { text: word.text.slice(index + 1), offset: word.offset + index + 1 }
    const argument = inside.text === '' ? rest.shift() : inside
    yield argument ? { kind: 'option', letter, argument } : { kind: 'lacking', letter }
    return
  }
}
