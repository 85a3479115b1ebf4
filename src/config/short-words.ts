// Splits a short form into words as a shell would: quotes and backslashes, nothing else. `${…}` stays whole
// whatever is in it, because splitting comes before interpolation: a value can never add a word.

import { maskVariables } from './destination.ts'
import { type Parsed, parsed, refused } from './parsed.ts'

/** `offset`: where it begins in the whole text; inside a word with quotes or backslashes only roughly. */
export interface Word {
  text: string
  offset: number
}

/** `mask`: what is taken for one piece, blanked out; for a text in which a dollar is a dollar, nothing is. */
export function splitWords(text: string, mask: (text: string) => string = maskVariables): Parsed<Word[]> {
  const masked = mask(text)
  const words: Word[] = []
  let word: Word | undefined
  let quote = ''
  for (let index = 0; index < text.length; index++) {
    const char = masked[index]!
    if (!quote && /\s/.test(char)) {
      word = undefined
      continue
    }
    if (!word) {
      word = { text: '', offset: index }
      words.push(word)
    }
    if (char === quote) quote = ''
    else if (!quote && /["']/.test(char)) quote = char
    else if (isEscape(masked, index, quote)) word.text += text[++index]
    else if (!quote && /[;&|<>`]/.test(char))
      return refused(`is not run by a shell: ${char} means nothing here`)
    else word.text += text[index]
  }
  return quote ? refused(`has a quote ${quote} that is never closed`) : parsed(words)
}

/** In double quotes a backslash escapes only what is special there: sh(1), "Double Quotes". */
function isEscape(text: string, index: number, quote: string): boolean {
  const next = text[index + 1]
  if (text[index] !== '\\' || next === undefined || quote === "'") return false
  return quote === '' || /["\\$`]/.test(next)
}
