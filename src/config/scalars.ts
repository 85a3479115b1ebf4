// The plainest values: words, yes and no, counts. A string of digits is a number and `yes` is true wherever one
// is wanted, because interpolation makes strings of everything.

import { type Parsed, parsed, refused } from './parsed.ts'
import type { Plain } from './tree.ts'

export function parseText(value: Plain): Parsed<string> {
  const text = String(value)
  if (text.trim() === '') return refused('must not be empty')
  return /\p{Cc}/u.test(text.replaceAll(/[\n\t]/g, ''))
    ? refused('must not hold control characters')
    : parsed(text)
}

export function parseBoolean(value: Plain): Parsed<boolean> {
  const word = String(value)
  if (/^([Tt]rue|TRUE|[Yy]es|YES)$/.test(word)) return parsed(true)
  if (/^([Ff]alse|FALSE|[Nn]o|NO)$/.test(word)) return parsed(false)
  return refused('must be true or false (or yes or no)')
}

/** A whole number, at least `least`. */
export function parseCount(least: 0 | 1): (value: Plain) => Parsed<number> {
  return (value) => {
    const count = /^(0|[1-9]\d{0,8})$/.test(String(value)) ? Number(value) : -1
    return count >= least ? parsed(count) : refused(`must be a whole number, at least ${least}`)
  }
}

export function parseWord<T extends string>(...words: T[]): (value: Plain) => Parsed<T> {
  return (value) => {
    const word = words.find((candidate) => candidate === value)
    return word ? parsed(word) : refused(`must be ${formatChoice(words)}`)
  }
}

/** `a`, `a or b`, `a, b or c`. */
export function formatChoice(words: readonly string[]): string {
  return words.length < 2 ? (words[0] ?? '') : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

export function parseList<T>(parseItem: (value: Plain) => Parsed<T>): (value: Plain) => Parsed<T[]> {
  return (value) => {
    const items: T[] = []
    for (const [item, text] of (Array.isArray(value) ? value : [value]).entries()) {
      const result = parseItem(text)
      if (!result.ok) return { ...result, item }
      items.push(result.value)
    }
    return parsed(items)
  }
}

export function parseVariableName(value: Plain): Parsed<string> {
  return /^[A-Za-z_][A-Za-z0-9_]*$/.test(String(value))
    ? parsed(String(value))
    : refused('must be the name of an environment variable')
}

/** The name of the variable that holds a secret. */
export function parseSecretName(value: Plain): Parsed<string> {
  const name = parseVariableName(value)
  return name.ok ? name : { ...name, hint: 'The secret itself has no place in this file' }
}

/** Algorithm names by comma, as in ssh_config(5): a leading +, - or ^ adds to, takes from or heads the default. */
export function parseAlgorithms(value: Plain): Parsed<string> {
  return /^[+^-]?[\w@.*?!-]+(,[\w@.*?!-]+)*$/.test(String(value))
    ? parsed(String(value))
    : refused('must be names separated by commas, without blanks')
}
