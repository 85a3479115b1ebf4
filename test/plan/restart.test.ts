import { expect, test } from 'vitest'
import type { Plan, PlanChange } from '../../src/plan/plan.ts'
import { asRestart } from '../../src/plan/restart.ts'
import { formatChange } from '../../src/view/plan.ts'

const plan = (...changes: Partial<PlanChange>[]): Plan => ({
  steps: [],
  changes: changes.map((change) => ({
    action: 'open',
    what: 'forward',
    name: 'web',
    cause: 'declared',
    fields: [],
    interrupts: 0,
    ...change,
  })),
})

test('what was closed and opened again was reopened, and interrupted what it closed', () => {
  const closing = plan(
    { action: 'close', cause: 'deselected', interrupts: 2 },
    { action: 'close', what: 'host', name: 'acme', cause: 'unused' },
  )
  const opening = plan({}, { what: 'host', name: 'acme', cause: 'needed' }, { name: 'new' })
  const { changes } = asRestart(closing, opening)
  expect(changes.map((change) => formatChange(change, { color: false }))).toEqual([
    '± forward web: restarted; interrupts 2 open connections',
    '± host acme: restarted',
    '+ forward new: declared in the file',
  ])
})
