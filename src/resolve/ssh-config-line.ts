// One line of an ssh_config(5) file, taken apart as ssh does it (strdelim() and argv_split() of OpenSSH's misc.c): quotes
// may stand in the middle of a word, and a line that reads like nothing may be an Include.

export interface SshConfigLine {
  /** In lower case; empty for a line that says nothing. */
  keyword: string
  /** Everything after it. */
  rest: string
}

export function splitLine(line: string): SshConfigLine {
  const first = takeToken(line.replace(/[ \t\r\n\f]+$/, ''))
  // Blanks, a `=` or an empty pair of quotes before the keyword are no keyword.
  const { token, rest } = first.token === '' ? takeToken(first.rest) : first
  return token.startsWith('#') ? { keyword: '', rest: '' } : { keyword: token.toLowerCase(), rest }
}

/** Up to a blank, a `=` or a closing quote. */
function takeToken(text: string): { token: string; rest: string } {
  const [, head = '', separator = '', tail = ''] = /^([^ \t\r\n"=]*)([ \t\r\n"=]?)(.*)$/s.exec(text) ?? []
  if (separator !== '"') {
    const rest = tail.replace(/^[ \t\r\n]+/, '')
    const skipsEquals = separator !== '=' && rest.startsWith('=')
    return { token: head, rest: skipsEquals ? rest.slice(1).replace(/^[ \t\r\n]+/, '') : rest }
  }
  const close = tail.indexOf('"')
  if (close < 0) return { token: '', rest: '' }
  return { token: head + tail.slice(0, close), rest: tail.slice(close + 1).replace(/^[ \t\r\n]+/, '') }
}

/** Words by blanks, with both kinds of quotes and backslashes; a `#` that begins a word ends them. */
export function splitWords(rest: string): string[] {
  const words: string[] = []
  let word: string | null = null
  let quote = ''
  for (let at = 0; at < rest.length; at++) {
    const character = rest[at]!
    const next = rest[at + 1] ?? ''
    if (character === '\\' && (/['"\\]/.test(next) || (quote === '' && next === ' '))) {
      word = (word ?? '') + next
      at++
    } else if (quote !== '') {
      if (character === quote) quote = ''
      else word += character
    } else if (character === '"' || character === "'") {
      quote = character
      word ??= ''
    } else if (/[ \t]/.test(character)) {
      if (word !== null) words.push(word)
      word = null
    } else if (character === '#' && word === null) break
    else word = (word ?? '') + character
  }
  return word === null ? words : [...words, word]
}
