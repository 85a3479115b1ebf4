// A plan for people: `+ ~ ± -`, one line a change, why in words, and what becomes of open connections.

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

/** One line without its end: `~ forward postgres: to changed; 3 open connections drain`. */
export function formatChange(change: PlanChange, { color }: { color: boolean }): string {
  const what = `${change.what} ${makePrintable(change.name)}`
  return `${paint(signs[change.action], styles[change.action], color)} ${what}: ${wordChange(change)}`
}

/** Why, and what becomes of open connections. */
export function wordChange(change: PlanChange): string {
  return `${formatCause(change)}${formatInterrupts(change)}`
}

function formatCause({ cause, fields }: PlanChange): string {
  switch (cause) {
    case 'declared':
      return 'declared in the file'
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

/** What an edit leaves behind goes on for as long as `drain` lets it; what a policy refuses now is cut. */
function formatInterrupts({ cause, fields, interrupts }: PlanChange): string {
  if (interrupts === 0) return ''
  const what = interrupts === 1 ? '1 open connection' : `${interrupts} open connections`
  const cuts = fields.filter(isPolicy).length
  if (cuts > 0 && cuts === fields.length) return `; cuts ${what}`
  // Some of each; and `restart` and `down NAME` may cut all of them.
  if (cuts > 0 || cause === 'deselected' || (cause === 'changed' && fields.length === 0))
    return `; interrupts ${what}`
  return interrupts === 1 ? `; ${what} drains` : `; ${what} drain`
}

function isPolicy(field: string): boolean {
  return field === 'allow_from' || field === 'allow_to'
}

function formatSummary({ summary }: PlanJson): string {
  const actions: PlanAction[] = ['open', 'update', 'reopen', 'close']
  const parts = actions.filter((action) => summary[action] > 0)
  return `${parts.map((action) => `${summary[action]} to ${action}`).join(', ')}`
}
