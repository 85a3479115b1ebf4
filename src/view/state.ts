// What a state looks like: one colour and one sign each, the same in every view.

import { styleText } from 'node:util'
import type { State } from '../model/status.ts'

type Style = Parameters<typeof styleText>[0]

const styles: Readonly<Record<State, Style>> = {
  opening: 'cyan',
  open: 'green',
  retrying: 'yellow',
  waiting: 'yellow',
  idle: 'green',
  draining: 'dim',
  failed: 'red',
  closed: 'dim',
}

export function paintState(text: string, state: State, color: boolean): string {
  return paint(text, styles[state], color)
}

/** styleText without its own look at the terminal: whether there are colours was decided elsewhere. */
export function paint(text: string, style: Style, color: boolean): string {
  return color ? styleText(style, text, { validateStream: false }) : text
}
