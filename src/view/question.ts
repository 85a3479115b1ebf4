// A question to a person, as lines: who asks, what there is to know, and what each field wants.

import type { Question } from '../model/prompt.ts'
import { makePrintable } from './printable.ts'
import { paint } from './state.ts'

/** What stands above the fields; texts of servers cannot reach the terminal's controls. */
export function formatQuestion({ summary, detail }: Question, { color }: { color: boolean }): string[] {
  const more = detail ? detail.replace(/\r?\n$/, '').split(/\r?\n/) : []
  return [paint(makePrintable(summary), 'bold', color), ...more.map(makePrintable)]
}

/** Ends with a blank, where the answer begins. */
export function formatField(text: string): string {
  return `${makePrintable(text.trimEnd())} `
}
