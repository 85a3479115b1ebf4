// A plan for people: `+ ~ ± -`, one line a change, why in words, and what it interrupts.

import type { PlanAction, PlanChange, PlanJson } from '../plan/plan.ts'
import { makePrintable } from './printable.ts'
import { paint } from './state.ts'

/** Ends with a line feed; an empty plan is one sentence. */
export function formatPlan(plan: PlanJson, options: { color: boolean }): string {
  if (plan.changes.length === 0) return 'Nothing to change\n'
  const lines = plan.changes.map((change) => formatChange(change, options))
  return [...lines, '', formatSummary(plan), ''].join('\n')
}

const signs: Readonly<Record<PlanAction, string>> = { open: '+', update: '~', reopen: '±', close: '-' }
const styles = { open: 'green', update: 'yellow', reopen: 'yellow', close: 'red' } as const

/** One line without its end: `~ forward postgres: to changed; 3 connections drain`. */
export function formatChange(change: PlanChange, { color }: { color: boolean }): string {
  const what = `${change.what} ${makePrintable(change.name)}`
  return `${paint(signs[change.action], styles[change.action], color)} ${what}: ${wordChange(change)}`
}

/** Why, and what it interrupts. */
export function wordChange(change: PlanChange): string {
  return `${formatCause(change)}${formatInterrupts(change.interrupts)}`
}

function formatCause({ cause, fields }: PlanChange): string {
  switch (cause) {
    case 'declared':
      return 'new in the file'
    case 'selected':
      return 'now selected'
    case 'removed':
      return 'no longer in the file'
    case 'deselected':
      return 'no longer selected'
    case 'changed':
      return fields.length > 0 ? `${fields.map(makePrintable).join(', ')} changed` : 'restarted'
    case 'needed':
      return 'needed by a forward'
    case 'unused':
      return 'no forward needs it any more'
  }
}

function formatInterrupts(interrupts: number): string {
  if (interrupts === 0) return ''
  return interrupts === 1 ? '; interrupts 1 open connection' : `; interrupts ${interrupts} open connections`
}

function formatSummary({ summary }: PlanJson): string {
  const actions: PlanAction[] = ['open', 'update', 'reopen', 'close']
  const parts = actions.filter((action) => summary[action] > 0)
  return `${parts.map((action) => `${summary[action]} to ${action}`).join(', ')}`
}
