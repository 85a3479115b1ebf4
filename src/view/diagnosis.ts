// What `tunnels doctor` found, on a terminal: a line a step, and under a red one what was seen and what to change.

import type { ForwardDiagnosis, HostDiagnosis, Outcome, Step } from '../model/diagnosis.ts'
import { makePrintable } from './printable.ts'
import { paint } from './state.ts'

const SIGNS = { well: '✓', wrong: '✗', not_reached: '·', unclear: '?' } as const satisfies Record<
  Outcome,
  string
>
const STYLES = { well: 'green', wrong: 'red', not_reached: 'dim', unclear: 'yellow' } as const

const NAME_WIDTH = 'proxy_command'.length + 2
const INDENT = ' '.repeat(4 + NAME_WIDTH)

/** One host's or one forward's block; ends with a line feed. */
export function formatDiagnosis(found: HostDiagnosis | ForwardDiagnosis, color: boolean): string {
  const title =
    'endpoint' in found
      ? `host ${found.name} (${found.endpoint})`
      : `forward ${found.name} (${found.kind}, via ${found.via})`
  const lines = [paint(makePrintable(title), 'bold', color)]
  for (const step of found.steps) lines.push(...formatStep(step, color))
  return `${lines.join('\n')}\n`
}

function formatStep({ step, outcome, summary, problem }: Step, color: boolean): string[] {
  const sign = paint(SIGNS[outcome], STYLES[outcome], color)
  const name = step.replaceAll('_', ' ').padEnd(NAME_WIDTH)
  const code = problem ? ` ${paint(`[${problem.code}]`, 'dim', color)}` : ''
  const seen = outcome === 'not_reached' ? paint(summary, 'dim', color) : makePrintable(summary)
  return [
    `  ${sign} ${name}${seen}${code}`,
    ...linesOf(problem?.detail).map((line) => `${INDENT}${paint(line, 'dim', color)}`),
    ...linesOf(problem?.hint).map((line) => `${INDENT}${paint('→', 'green', color)} ${line}`),
  ]
}

function linesOf(text = ''): string[] {
  return text === '' ? [] : text.split(/\r?\n/).map(makePrintable)
}
