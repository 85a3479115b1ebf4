// An event as a line for people: what happened to what, in the words of `tunnels status`.

import type { ConnectionEvent, Event } from '../control/protocol.ts'
import type { Problem } from '../model/problem.ts'
import type { Prompt } from '../model/prompt.ts'
import type { State } from '../model/status.ts'
import { formatChange } from './plan.ts'
import { makePrintable } from './printable.ts'
import { formatBytes } from './quantity.ts'
import { paint, paintState } from './state.ts'

/** No line for what says nothing to a person; each ends without a line feed. */
export function formatEvent(event: Event, { color }: { color: boolean }): string[] {
  const lines = wordEvent(event, color)
  const time = paint(formatTime(event.time), 'dim', color)
  return lines.map((line) => `${time} ${line}`)
}

/** The same without the time. */
export function wordEvent(event: Event, color: boolean): string[] {
  switch (event.event) {
    case 'state': {
      const state = paintState(event.state, event.state as State, color)
      const health = event.health ? `, ${paint(event.health, healthStyles[event.health], color)}` : ''
      // What the attempt before has met was told when it met it.
      const problem = event.state === 'opening' ? null : event.problem
      return [`${event.what} ${makePrintable(event.name)}: ${state}${health}${reason(problem)}`]
    }
    case 'problem':
      return [`${event.what} ${makePrintable(event.name)}${reason(event.problem)}`]
    case 'plan':
      return event.plan.changes.map((change) => formatChange(change, { color }))
    case 'config':
      return configLines(event, color)
    case 'connection':
      return [connectionLine(event, color)]
    case 'prompt':
      return event.prompt ? [promptLine(event.prompt, color)] : []
    case 'end':
      return ['everything is closed']
  }
}

const healthStyles = { healthy: 'green', unhealthy: 'red' } as const

function promptLine({ host, summary }: Prompt, color: boolean): string {
  const word = paint('asks', 'yellow', color)
  return `host ${makePrintable(host)} ${word}: ${makePrintable(summary)} (\`tunnels up\` on a terminal answers)`
}

function connectionLine(event: ConnectionEvent, color: boolean): string {
  const { name, outcome, from, to, problem, untold } = event
  const isTrouble = outcome === 'failed' || outcome === 'refused'
  const way = [from && ` from ${makePrintable(from)}`, to && ` to ${makePrintable(to)}`].join('')
  const carried = outcome === 'closed' ? `, ${carriedBy(event)}` : ''
  const others = untold ? ` (and ${untold} more before it)` : ''
  const word = paint(outcome, isTrouble ? 'yellow' : 'dim', color)
  return `forward ${makePrintable(name)}: connection${way} ${word}${carried}${reason(problem)}${others}`
}

function carriedBy({ ms, bytes }: ConnectionEvent): string {
  const seconds = ms < 10_000 ? (ms / 1000).toFixed(1) : Math.round(ms / 1000)
  return `${seconds}s, ${formatBytes(bytes.in)} in, ${formatBytes(bytes.out)} out`
}

const configSentences = {
  current: null,
  invalid: 'the file is broken, the last good one runs on',
  untrusted: 'the file adds what waits for trust, the last good one runs on',
}

function configLines(event: Extract<Event, { event: 'config' }>, color: boolean): string[] {
  const sentence = configSentences[event.state]
  const problems = event.problems.map((problem) => `${formatPlace(problem)}${makePrintable(problem.summary)}`)
  return sentence ? [paint(sentence, 'yellow', color), ...problems] : problems
}

/** `FILE:LINE:COLUMN: `, or nothing. */
export function formatPlace({ at }: Problem): string {
  return at ? `${makePrintable(at.file)}:${at.line}:${at.column}: ` : ''
}

function reason(problem: Problem | null): string {
  if (!problem) return ''
  const hint = problem.hint ? ` (${makePrintable(problem.hint)})` : ''
  return `: ${makePrintable(problem.summary)}${hint}`
}

/** Local time: an event line is read beside a clock. */
function formatTime(time: string): string {
  return new Date(time).toLocaleTimeString('en-GB', { hour12: false })
}
