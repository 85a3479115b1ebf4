// What somebody has to agree to, as lines: what runs commands first, like things together, and bounded, so that the
// file of a stranger cannot scroll away what matters in it.

import { inOrder, shorten, type TrustItem, trustGroups } from '../model/trust.ts'
import { makePrintable } from './printable.ts'
import { formatFile } from './problem.ts'
import { paint } from './state.ts'

export interface TrustViewOptions {
  color: boolean
  /** Every part, whole; else what fits before a question. */
  all: boolean
  /** Files below it are shown relative to it. */
  cwd: string
}

/** Of one kind; `tunnels trust` shows the rest. */
const MAX_PARTS = 20
const MAX_NAMES = 3
const MAX_CHARACTERS = 400

/** Empty for no items. */
export function formatTrust(items: readonly TrustItem[], options: TrustViewOptions): string[] {
  return trustGroups.flatMap(({ kinds, does }) => {
    const group = inOrder(items).filter(({ kind }) => (kinds as readonly string[]).includes(kind))
    if (group.length === 0) return []
    return [`  ${paint(`${does}:`, 'yellow', options.color)}`, ...formatGroup(group, options)]
  })
}

function formatGroup(group: readonly TrustItem[], options: TrustViewOptions): string[] {
  const parts = [...alike(group)]
  const shown = options.all ? parts : parts.slice(0, MAX_PARTS)
  const left = parts.slice(shown.length).reduce((sum, items) => sum + items.length, 0)
  return [
    ...shown.map((items) => formatPart(items, options)),
    ...(left > 0 ? [`    … and ${left} more of these: \`tunnels trust\` shows all`] : []),
  ]
}

/** Parts of different places that say the same are one line. */
function alike(group: readonly TrustItem[]): Iterable<TrustItem[]> {
  const lines = new Map<string, TrustItem[]>()
  for (const item of group) {
    const key = JSON.stringify([item.kind, item.path.split('.').at(-1), item.text])
    const line = lines.get(key)
    if (line) line.push(item)
    else lines.set(key, [item])
  }
  return lines.values()
}

function formatPart(items: readonly TrustItem[], { color, all, cwd }: TrustViewOptions): string {
  const { text, at } = items[0]!
  const narrow = text.replace(/\p{Zs}{9,}/gu, (blanks) => ` (${blanks.length} blanks) `)
  const names = all ? items : items.slice(0, MAX_NAMES)
  const more = items.length > names.length ? ` and ${items.length - names.length} more` : ''
  const paths = names.map(({ path }) => showText(path)).join(', ')
  const place = at ? paint(` (${formatFile(at.file, cwd)}:${at.line})`, 'dim', color) : ''
  return `    ${paint(`${paths}${more}`, 'bold', color)}: ${showText(all ? narrow : shorten(narrow, MAX_CHARACTERS))}${place}`
}

/** Stricter than elsewhere: a variation selector is part of many an emoji, and of nothing that has to be agreed to. */
function showText(text: string): string {
  return makePrintable(text).replace(
    /\p{Variation_Selector}/gu,
    (character) => `\\u{${character.codePointAt(0)!.toString(16)}}`,
  )
}
