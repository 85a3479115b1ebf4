import { expect, test } from 'vitest'
import type { PlanChange, PlanJson } from '../../src/plan/plan.ts'
import { formatPlan } from '../../src/view/plan.ts'

function planOf(changes: PlanChange[]): PlanJson {
  const summary = { open: 0, update: 0, reopen: 0, close: 0 }
  for (const { action } of changes) summary[action] += 1
  return { project: 'shop', changes, summary }
}

const base = { what: 'forward' as const, name: 'web', fields: [], interrupts: 0 }

test('an empty plan says so', () => {
  expect(formatPlan(planOf([]), { color: false })).toBe('Nothing to change\n')
})

test('one line a change: its sign, what, why in words, and what becomes of open connections', () => {
  const changes: PlanChange[] = [
    { ...base, what: 'host', name: 'acme', action: 'open', cause: 'needed' },
    { ...base, action: 'open', cause: 'declared' },
    { ...base, action: 'update', cause: 'changed', fields: ['to', 'via'], interrupts: 3 },
    {
      ...base,
      what: 'host',
      name: 'acme',
      action: 'reopen',
      cause: 'changed',
      fields: ['port'],
      interrupts: 1,
    },
    { ...base, action: 'update', cause: 'changed', fields: ['allow_from'], interrupts: 1 },
    { ...base, action: 'update', cause: 'changed', fields: ['to', 'allow_to'], interrupts: 2 },
    { ...base, action: 'reopen', cause: 'changed', interrupts: 2 },
    { ...base, action: 'close', cause: 'removed', interrupts: 2 },
    { ...base, action: 'close', cause: 'deselected', interrupts: 1 },
    { ...base, what: 'host', name: 'acme', action: 'close', cause: 'unused' },
  ]
  expect(formatPlan(planOf(changes), { color: false })).toBe(`\
+ host acme: needed by a forward
+ forward web: declared in the file
~ forward web: to, via changed; 3 open connections drain
± host acme: port changed; 1 open connection drains
~ forward web: allow_from changed; cuts 1 open connection
~ forward web: to, allow_to changed; interrupts 2 open connections
± forward web: restarted; interrupts 2 open connections
- forward web: no longer in the file; 2 open connections drain
- forward web: no longer selected; interrupts 1 open connection
- host acme: no forward needs it any more

2 to open, 3 to update, 2 to reopen, 3 to close
`)
})

test('a name cannot move the cursor', () => {
  const text = formatPlan(planOf([{ ...base, name: '\x1b[1A', action: 'open', cause: 'declared' }]), {
    color: false,
  })
  expect(text).not.toContain('\x1b')
})
